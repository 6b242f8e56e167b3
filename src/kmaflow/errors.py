"""The root of every error that kmaflow raises on purpose.

    KmaflowError
    ├── UsageError                 the user asked for something that cannot be (exit code 2)
    ├── hub.errors.HubError        the hub, or the way to it, refused or broke
    ├── store.errors.StoreError    the database could not be used
    ├── archive.ArchiveError       a body could not be kept or found again
    └── simulator.PortTaken        (its own tree: the simulator imports nothing of ours)

Every error says what happened and, in Korean and in English, what to do next. It never holds a key.
"""

from __future__ import annotations

from typing import ClassVar

#: Characters of a foreign text that a message holds.
LONGEST_TEXT = 400


class KmaflowError(Exception):
    """Something went wrong for a known reason.

    Attributes:
        what: what happened, one line, English.
        todo_en / todo_ko: the next step for the reader.
        exit_code: the code with which the command line ends when nothing catches the error.
    """

    exit_code: ClassVar[int] = 1
    todo_en: str = ""
    todo_ko: str = ""

    def __init__(self, what: str, *, todo_en: str | None = None, todo_ko: str | None = None) -> None:
        self.what = what
        if todo_en is not None:
            self.todo_en = todo_en
        if todo_ko is not None:
            self.todo_ko = todo_ko
        super().__init__(what)

    def __str__(self) -> str:
        todo = " / ".join(part for part in (self.todo_ko, self.todo_en) if part)
        return f"{self.what} → {todo}" if todo else self.what


def shown(text: str) -> str:
    """A text of others as messages and tables may hold it: in one line, everything unprintable (NUL, control characters, lone
    surrogates) escaped as in Python, cut after :data:`LONGEST_TEXT` characters.
    """
    more = len(text) - LONGEST_TEXT
    if more > 0:
        text = text[:LONGEST_TEXT]
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
    return f"{escaped}… ({more:,} characters more)" if more > 0 else escaped


class UsageError(KmaflowError):
    """The command, form or setting asks for something that cannot be done."""

    exit_code = 2
