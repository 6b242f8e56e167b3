"""The root of every error that kmaflow raises on purpose.

    KmaflowError
    ├── UsageError                 the user asked for something that cannot be (exit code 2)
    ├── hub.errors.HubError        the hub, or the way to it, refused or broke
    ├── store.errors.StoreError    the database could not be used
    ├── archive.ArchiveError       a body could not be kept or found again
    └── simulator.PortTaken        (its own tree: the simulator imports nothing of ours)

Every error says what happened and what to do next, in Korean and in English; its text is in the reader's language (``language.py``).
It never holds a key.
"""

from __future__ import annotations

from typing import ClassVar

from kmaflow.language import say
from kmaflow.printable import printable

#: Characters of a message, and of a foreign text that it holds: a hub or a file may have said megabytes.
_LONGEST, LONGEST_TEXT = 1_000, 400


class KmaflowError(Exception):
    """Something went wrong for a known reason.

    Attributes:
        code: one word for the kind of error, as the ledger keeps it; empty where it has none.
        what / what_ko: what happened, one line, in English (for ledger and logs) and in Korean; control characters are escaped, and it is
            cut after 1,000 characters.
        todo_en / todo_ko: the next step for the reader.
        exit_code: the code with which the command line ends when nothing catches the error.
    """

    code: ClassVar[str] = ""
    exit_code: ClassVar[int] = 1
    todo_en: str = ""
    todo_ko: str = ""

    def __init__(
        self, what: str, *, ko: str | None = None, todo_en: str | None = None, todo_ko: str | None = None
    ) -> None:
        """``ko`` is ``what`` in Korean; a text of others (of the hub, a driver) needs none."""
        self.what = printable(what, _LONGEST)
        self.what_ko = self.what if ko is None else printable(ko, _LONGEST)
        if todo_en is not None:
            self.todo_en = todo_en
        if todo_ko is not None:
            self.todo_ko = todo_ko
        super().__init__(self.what)

    def __str__(self) -> str:
        return say(_with_step(self.what_ko, self.todo_ko), self.english)

    @property
    def english(self) -> str:
        """The same for a log line."""
        return _with_step(self.what, self.todo_en)


def _with_step(what: str, todo: str) -> str:
    return f"{what} → {todo}" if todo else what


def shown(text: str) -> str:
    """A text of others as messages and tables may hold it: escaped, cut after :data:`LONGEST_TEXT` characters."""
    return printable(text, LONGEST_TEXT)


class UsageError(KmaflowError):
    """The command, form or setting asks for something that cannot be done."""

    exit_code = 2


def not_installed(package: str, extra: str) -> UsageError:
    """A package is missing that only some need; the extra brings it."""
    command = f"pip install 'kmaflow[{extra}]'"
    return UsageError(
        f"{package} is not installed", ko=f"설치되어 있지 않습니다: {package}", todo_en=command, todo_ko=command
    )
