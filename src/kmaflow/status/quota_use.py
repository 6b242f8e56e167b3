"""What a key has spent of its day, and what the day will have come to at midnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kmaflow.collect.live_need import limits, live_works
from kmaflow.hub.secrecy import key_id
from kmaflow.quota import tables
from kmaflow.quota.limits import Limits, Need, Spent, Usage, need_until_midnight, usage_day
from kmaflow.quota.quota import spent_by_all
from kmaflow.settings import Settings
from kmaflow.store.engines.database import reading
from kmaflow.store.errors import StoreError
from kmaflow.store.state import State


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """A key's day.

    Attributes:
        live: what live data still needs until midnight.
        known: whether the state database could be read and the key was ever used.
    """

    usage: Usage
    limits: Limits
    live: Need
    known: bool

    @property
    def at_midnight(self) -> Spent:
        """The day's use if nothing but live data is asked for from now on."""
        return self.usage.total + Spent(self.live.calls, self.live.bytes)

    @property
    def enough(self) -> bool:
        """Whether live data can be asked for until midnight."""
        total = self.at_midnight
        closed = self.usage.exhausted_by == "hub"
        return not closed and total.calls <= self.limits.calls_ceiling and total.charged <= self.limits.bytes_ceiling


def quota_use(settings: Settings, state: State, now: datetime, one_by_one: tuple[str, ...] = ()) -> QuotaUse:
    """The day of the key of the settings; without one, of the key that was used most today.

    Args:
        state: the state database; it is only read.
        now: naive KST.
        one_by_one: datasets of which each call asks for one stamp.
    """
    allowed = limits(settings)
    try:
        used = spent_by_all(state, now)
        ours = None if settings.api_key is None else key_id(settings.api_key)
        found = next((one for one in used if one.key_id == ours), None)
        if found is None and used:
            found = max(used, key=lambda one: one.total.calls)
        with reading(state.engine) as connection:
            sizes = {} if found is None else tables.sizes(connection, found.key_id)
    except StoreError:
        found, sizes = None, {}
    live = need_until_midnight(live_works(settings.window_minutes, sizes, one_by_one), now)
    usage = found or Usage("", usage_day(now), {})
    return QuotaUse(usage, allowed, live, found is not None)
