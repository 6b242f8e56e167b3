"""How a value is written into ``revision``: as text that gives the value back exactly."""

from __future__ import annotations


def text_of(value: object) -> str | None:
    """The value as text: numbers in their shortest exact form, missing as NULL."""
    return None if value is None else str(value)
