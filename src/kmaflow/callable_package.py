"""Packages that can be called: ``kma.read(…)`` beside ``from kmaflow.read import iter_frames``.

What a call does is the function of the package's own name in its module ``everyday``, loaded when it is first needed; ``help(kma.read)`` and
``inspect.signature`` tell of that function.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """A package that does, called, what its everyday function does."""

    @property
    def _function(self) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(f"{self.__name__}.everyday"), self.__name__.split(".")[-1])
        return found

    def __call__(self, *args: Any, **named: Any) -> Any:
        """As the function."""
        return self._function(*args, **named)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """How it is called, then what else is in it."""
        name = self.__name__.replace("kmaflow", "kma", 1)
        return f"``{name}{self.__signature__}``\n\n{inspect.getdoc(self._function)}\n\n{self.__dict__['__doc__']}"


def make_callable(name: str) -> None:
    """Let the package of that name be called; it says so at its end."""
    sys.modules[name].__class__ = CallablePackage
