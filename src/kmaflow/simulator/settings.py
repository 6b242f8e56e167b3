"""What a simulated hub can be told before it starts. Standard library only, so importing it is cheap."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from kmaflow.simulator.faults import Faults

DEFAULT_KEY = "simulator-key-000000000"


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """One authKey and what it may do.

    `operations` holds endpoint names (`nph-aws2_min`, `kma_sfctm3.php`, …) with a 활용신청; None means all.
    `daily_calls` and `daily_bytes` (uncompressed body bytes) are per KST day of the simulator's clock.
    `other_host` marks a key that belongs to the institutions' host: it is valid, but answers 403 here.
    """

    key: str
    operations: frozenset[str] | None = None
    daily_calls: int = 20_000
    daily_bytes: int = 5_000_000_000
    other_host: bool = False


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """Everything that decides what the simulated hub answers; two equal settings give equal answers.

    seed: every value is a pure function of (seed, dataset, station, stamp).
    now, speed: the clock, KST. Neither: the real time. `now` alone: it stands still. `speed`: it runs that
        many
        times faster than real time, from `now` or from the real time. An offset-free `now` is KST.
    minute_latency_s, hour_latency_s: seconds from a stamp until its row can be had.
    retention_months: minutes older than this give zero rows; None keeps everything.
    lst_without_sensors: what nph-aws2_min_lst prints for stations with no ground thermometers.
    placeholder_minutes: False gives zero rows instead of placeholder rows for unproduced minutes.
    charset: of the text answers' Content-Type; None leaves it out (the bytes are CP949 either way).
    law_addr_aws, law_addr_sfc: whether stn_inf rows end in the LAW_ADDR column (2026 form).
    wd10_header_from: first year of tm2 with `WD10 WS10` in the name line (before: `WS10 WS10`).
    wide_missing_from: first year in which missing PA and PS are -999.0 (before: -99.7 and -99.9).
    leading_blank: one blank before every disp=0 minute row, as some 2026 excerpts show.
    enforce_limits: False answers windows of any length, as the public hub has been measured to do.
    day_cache, body_cache_bytes: how many days of weather and how many bytes of finished bodies to keep.
    log_length: how many of the latest requests `/_sim/usage` lists.
    """

    seed: int = 2026
    now: datetime | None = None
    speed: float | None = None
    minute_latency_s: float = 120.0
    hour_latency_s: float = 900.0
    retention_months: int | None = 24
    lst_without_sensors: Literal["sentinels", "no_rows"] = "sentinels"
    placeholder_minutes: bool = True
    charset: str | None = "EUC-KR"
    law_addr_aws: bool = True
    law_addr_sfc: bool = False
    wd10_header_from: int = 2025
    wide_missing_from: int = 2026
    leading_blank: bool = False
    enforce_limits: bool = True
    keys: tuple[KeyGrant, ...] = (KeyGrant(DEFAULT_KEY),)
    faults: Faults = field(default_factory=Faults)
    day_cache: int = 6
    body_cache_bytes: int = 64_000_000
    log_length: int = 1_000
