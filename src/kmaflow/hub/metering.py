"""What the client asks around each call. The quota itself is no business of the hub's side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Meter(Protocol):
    """Charges calls before they are made."""

    def call(self, name: str, stamps: int, stn: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """Around one call for a dataset or station list: so many stamps, one station or (None) all.

        What it gives is told the bytes that came (decompressed); a HubError that is raised inside tells the rest.

        Raises:
            QuotaSpent: no more today; the hub must not be asked.
        """
