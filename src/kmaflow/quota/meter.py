"""What a hub client asks around each call: one quota, on behalf of one class of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.hub.errors import HubError, QuotaSpent
from kmaflow.quota.limits import CallClass, estimate
from kmaflow.quota.quota import Quota


def kind_of_call(name: str, stamps: int, stn: int | None) -> str:
    """What makes calls alike: their answers are of one size."""
    return f"{name} {stamps} {'all' if stn is None else 'one'}"


def first_guess(name: str, stamps: int, stn: int | None) -> int:
    """Bytes that a call may bring, before any such call was made."""
    network = DATASETS[name].network if name in DATASETS else name.removeprefix("station_")
    stations = 1 if stn is not None else STATION_LISTS[network].stations
    return estimate(max(stamps, 1), stations, None)


class Meter:
    """Charges calls before they are made and settles them afterwards; :class:`kmaflow.hub.metering.Meter`.

    Args:
        cls: live, repair or backfill.
    """

    def __init__(self, quota: Quota, cls: CallClass) -> None:
        self.quota = quota
        self.cls = cls

    @contextmanager
    def call(self, name: str, stamps: int, stn: int | None) -> Iterator[Callable[[int], None]]:
        """Around one call for a dataset (or ``station_AWS``, ``station_SFC``): so many stamps, one station or (None) all.

        Yields what is told the bytes of the answer (decompressed). A :class:`HubError` inside is charged with what came; where the hub says that
        the quota is spent, no worker asks until its ``until``.

        Raises:
            DayQuotaSpent: no more today; the hub must not be asked.
            StoreError: the state database cannot be used.
        """
        kind = kind_of_call(name, stamps, stn)
        seen = self.quota.sizes().get(kind)
        size = first_guess(name, stamps, stn) if seen is None else estimate(stamps, 1, seen)
        with self.quota.reserve(self.cls, size=size, call_kind=kind) as ticket:
            try:
                yield ticket.settle
            except HubError as error:
                ticket.settle(_came(error, ticket.size), typical=False, made=error.sent)
                if isinstance(error, QuotaSpent):
                    error.until = self.quota.exhausted_by_hub(error.kind)
                raise


def _came(error: HubError, reserved: int) -> int | None:
    """Bytes to charge for a call that failed; None where what was reserved stays charged."""
    received = error.received or 0
    if error.came is None or (received and not error.body):
        # It broke off, or we read no further: the hub may count all that it meant to send.
        return received if received > reserved else None
    return error.came
