"""What a hub client asks before and after each call: one quota, on behalf of one class of work."""

from __future__ import annotations

from datetime import datetime

from kmaflow.catalog import DATASETS
from kmaflow.store.quota import Quota, Ticket
from kmaflow.store.quota_limits import CallClass, Kind

#: Rows of a stamp in an answer for all stations, for the first estimate only: stations that exist, and some more.
_STATIONS = {"AWS": 760, "SFC": 110}


class Meter:
    """Lets calls in and settles them.

    Args:
        cls: live, repair or backfill.
    """

    def __init__(self, quota: Quota, cls: CallClass) -> None:
        self.quota = quota
        self.cls = cls

    def reserve(self, name: str, stamps: int, stn: int | None) -> Ticket:
        """Before a call: for a dataset (or ``station_AWS``, ``station_SFC``), so many stamps, one station or (None) all.

        Raises:
            DayQuotaSpent: no more today; the hub must not be asked.
            NoFreeCall, StoreError: as :meth:`Quota.reserve`.
        """
        network = DATASETS[name].network if name in DATASETS else name.removeprefix("station_")
        stations = 1 if stn is not None else _STATIONS.get(network, max(_STATIONS.values()))
        such = f"{name} {stamps} {'all' if stn is None else 'one'}"
        size = self.quota.estimate(such, max(stamps, 1), stations)
        return self.quota.reserve(self.cls, size=size, such=such)

    def exhausted(self, kind: Kind) -> datetime:
        """After a 403 that says so: no worker asks until the time given back (naive KST)."""
        return self.quota.exhausted_by_hub(kind)
