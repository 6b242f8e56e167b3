"""What a hub client asks before and after each call: one quota, on behalf of one class of work."""

from __future__ import annotations

from datetime import datetime

from kmaflow.catalog import DATASETS
from kmaflow.store.quota import Quota
from kmaflow.store.quota_limits import CallClass, Kind, estimate
from kmaflow.store.settlement import Ticket

#: Rows of a stamp in an answer for all stations, for the first estimate only: stations that exist, and some more.
_STATIONS = {"AWS": 760, "SFC": 110}
#: Calls under way last seconds: a place that is not free for so long will not be free for the next try either.
_PATIENCE = 120.0


def kind_of_call(name: str, stamps: int, stn: int | None) -> str:
    """What makes calls alike: their answers are of one size."""
    return f"{name} {stamps} {'all' if stn is None else 'one'}"


def first_guess(name: str, stamps: int, stn: int | None) -> int:
    """Bytes that a call may bring, before any such call was made."""
    return estimate(max(stamps, 1), _stations(name, stn), None)


def _stations(name: str, stn: int | None) -> int:
    network = DATASETS[name].network if name in DATASETS else name.removeprefix("station_")
    return 1 if stn is not None else _STATIONS.get(network, max(_STATIONS.values()))


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
        such = kind_of_call(name, stamps, stn)
        size = self.quota.estimate(such, max(stamps, 1), _stations(name, stn))
        return self.quota.reserve(self.cls, size=size, such=such, patience=_PATIENCE)

    def exhausted(self, kind: Kind) -> datetime:
        """After a 403 that says so: no worker asks until the time given back (naive KST)."""
        return self.quota.exhausted_by_hub(kind)
