"""What a view is: a name, its columns with what they mean, and where their values come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """One column: its name, the expression behind it, and its meaning as ``한국어 / English [unit]``."""

    name: str
    sql: str
    comment: str


@dataclass(frozen=True, slots=True)
class View:
    """One view of one engine.

    Attributes:
        needs: the tables without which it cannot be made.
        source: what stands behind ``FROM``.
    """

    name: str
    comment: str
    needs: frozenset[str]
    columns: tuple[ViewColumn, ...]
    source: str

    @property
    def query(self) -> str:
        """The SELECT that the view stands for."""
        columns = ",\n  ".join(f"{column.sql} AS {column.name}" for column in self.columns)
        return f"SELECT\n  {columns}\nFROM {self.source}"
