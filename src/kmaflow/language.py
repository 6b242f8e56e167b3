"""Korean or English: the one place that chooses. Both texts stand side by side where something is said, and a reader gets one of them.

``KMAFLOW_LANG`` (``ko``, ``en``; also in ``.env``) decides, else the locale (``LC_ALL``, ``LC_MESSAGES``, ``LANG``), else English. Log lines
are English.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = ("ko", "en")
VARIABLE = "KMAFLOW_LANG"


def say(ko: str, en: str) -> str:
    """The text in the reader's language."""
    return ko if language() == "ko" else en


def say_in_airflow(ko: str, en: str) -> str:
    """The same for what Airflow shows, whose server has no reader's locale: Korean unless ``KMAFLOW_LANG`` says otherwise."""
    return en if setting() == "en" else ko


def language() -> Language:
    """The reader's language."""
    name = setting()
    return name if name in LANGUAGES else _of_locale()


def setting() -> str:
    """``KMAFLOW_LANG`` as it is written; empty where it is not set. :func:`kmaflow.settings.load_settings` refuses what is no language."""
    return os.environ.get(VARIABLE) or _in_file(Path(".env").absolute())


def _of_locale() -> Language:
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "ko" if next(filter(None, names), "").lower().startswith("ko") else "en"


@cache
def _in_file(path: Path) -> str:
    """The setting in ``.env``. Read as the settings read it, but without loading them: ``--help`` needs only this one."""
    if not path.is_file():
        return ""
    from dotenv import dotenv_values

    try:
        return dotenv_values(path, encoding="utf-8").get(VARIABLE) or ""
    except UnicodeDecodeError:
        return ""  # the settings say so
