"""Hours and days as rows, joined with the minutes they hold: what ``v_hourly`` and ``v_daily`` group.

A view that groups by an expression of ``tm_kst`` cannot use an index for ``WHERE tm_kst …``: every query would read the table. So the ends of the
periods come first, as plain values, and each fetches its minutes (begin, end] by key. Whoever asks for one station gets them from
the index (stn, tm_kst), whoever asks for one hour of all stations from the key (tm_kst, stn).
"""

from __future__ import annotations

from dataclasses import dataclass

from kmaflow.store.views.dialect import Dialect, Mariadb, Sqlite

_FIRST = "(SELECT MIN(tm_kst) FROM aws_minute)"
_LAST = "(SELECT MAX(tm_kst) FROM aws_minute)"


@dataclass(frozen=True, slots=True)
class Period:
    """An hour or a day: its length in minutes; with ``day`` there is a column for the date too."""

    name: str
    minutes: int

    @property
    def keys(self) -> tuple[str, ...]:
        """What identifies one: all are grouped by, so that a filter on any of them goes down to where periods are made."""
        return ("tm_kst", "tm_utc") if self.name == "hour" else ("tm_kst", "tm_utc", "day")


HOUR = Period("hour", 60)
DAY = Period("day", 1440)


def grouped(dialect: Dialect, period: Period, aggregates: dict[str, str]) -> str:
    """A FROM item ``a``: one row per period and station with minutes, with ``aggregates`` of ``m`` (the minutes) and ``p`` (the period)."""
    if isinstance(dialect, Sqlite):
        query = _sqlite(dialect, period, aggregates)
    elif isinstance(dialect, Mariadb):
        query = _mariadb(dialect, period, aggregates)
    else:
        query = _postgresql(dialect, period, aggregates)
    return f"(\n{query}\n) a"


def _listed(aggregates: dict[str, str]) -> str:
    return ",\n    ".join(f"{sql} AS {name}" for name, sql in aggregates.items())


def _period_columns(dialect: Dialect, period: Period, date: str) -> str:
    columns = f"e.tm_kst, {dialect.utc('e.tm_kst')} AS tm_utc, {dialect.shifted('e.tm_kst', -period.minutes)} AS opened"
    return f"{columns}, {date} AS day" if period is DAY else columns


def _postgresql(dialect: Dialect, period: Period, aggregates: dict[str, str]) -> str:
    # LATERAL: each period reads its own minutes and nothing else; which partitions hold them is decided as it runs. Of an array the planner
    # expects ten periods, of generate_series a thousand: then it would take half a second to compile what runs in ten milliseconds.
    first = f"(SELECT date_trunc('{period.name}', {_FIRST} - INTERVAL '1 second') + INTERVAL '1 {period.name}')"
    last = f"(SELECT {_LAST} + INTERVAL '{period.minutes - 1} minutes')"
    keys = ", ".join(f"p.{key}" for key in period.keys)
    return f"""  SELECT {keys}, g.*
  FROM (
    SELECT {_period_columns(dialect, period, "CAST(e.tm_kst - INTERVAL '1 day' AS DATE)")}
    FROM unnest(ARRAY(SELECT generate_series({first}, {last}, INTERVAL '1 {period.name}'))) e(tm_kst)
  ) p CROSS JOIN LATERAL (
    SELECT m.stn,
    {_listed(aggregates)}
    FROM aws_minute m WHERE m.tm_kst > p.opened AND m.tm_kst <= p.tm_kst
    GROUP BY m.stn
  ) g"""


def _sqlite(dialect: Dialect, period: Period, aggregates: dict[str, str]) -> str:
    # From one period that has minutes to the next, by key. CROSS JOIN keeps SQLite from turning the loops round.
    form = "%Y-%m-%d %H:00:00" if period is HOUR else "%Y-%m-%d 00:00:00"
    following = "(SELECT MIN(tm_kst) FROM aws_minute WHERE tm_kst > ends.tm_kst)"
    keys = ", ".join(f"p.{key}" for key in period.keys)
    return f"""  WITH RECURSIVE ends(tm_kst) AS (
    SELECT strftime('{form}', {_FIRST}, '-1 second', '+1 {period.name}')
    UNION ALL
    SELECT strftime('{form}', {following}, '-1 second', '+1 {period.name}')
    FROM ends WHERE ends.tm_kst IS NOT NULL
  )
  SELECT {keys}, m.stn,
    {_listed(aggregates)}
  FROM (
    SELECT {_period_columns(dialect, period, "date(e.tm_kst, '-1 day')")} FROM ends e WHERE e.tm_kst IS NOT NULL
  ) p CROSS JOIN aws_minute m ON m.tm_kst > p.opened AND m.tm_kst <= p.tm_kst
  GROUP BY {keys}, m.stn"""


def _mariadb(dialect: Dialect, period: Period, aggregates: dict[str, str]) -> str:
    # MariaDB joins by key only where keys are equal: so each minute of the period is named. Its recursion stops unsaid at 1000 rows, so digits
    # count. DISTINCT keeps the two small tables as they are, STRAIGHT_JOIN their order.
    digits = "SELECT 0 AS d " + " ".join(f"UNION ALL SELECT {digit}" for digit in range(1, 10))
    days, every_day = _counted("d", 5, "span.days")
    hour, every_hour = _counted("h", 2, "23")
    minute, every_minute = _counted("n", 4, str(period.minutes - 1))
    end, joined = f"span.first_day + INTERVAL ({days} + 1) DAY", every_day
    if period is HOUR:
        end = f"span.first_day + INTERVAL ({days}) DAY + INTERVAL ({hour} + 1) HOUR"
        joined = f"{every_day} {every_hour}"
    keys = ", ".join(f"p.{key}" for key in period.keys)
    return f"""  WITH digit AS ({digits}),
  span AS (
    SELECT CAST(DATE({_FIRST} - INTERVAL 1 SECOND) AS DATETIME) AS first_day,
      DATEDIFF({_LAST}, {_FIRST} - INTERVAL 1 SECOND) AS days
  ),
  p AS (
    SELECT DISTINCT {_period_columns(dialect, period, "DATE(e.tm_kst - INTERVAL 1 DAY)")}
    FROM (SELECT STRAIGHT_JOIN {end} AS tm_kst FROM span {joined}) e
  ),
  k AS (SELECT DISTINCT {minute} AS k FROM (SELECT 1 AS one) o {every_minute})
  SELECT STRAIGHT_JOIN {keys}, m.stn,
    {_listed(aggregates)}
  FROM k JOIN p JOIN aws_minute m ON m.tm_kst = p.tm_kst - INTERVAL k.k MINUTE
  GROUP BY {keys}, m.stn"""


def _counted(name: str, places: int, last: str) -> tuple[str, str]:
    """A number 0 … last made of digits, and the joins that count it, the lowest digit running fastest."""
    digits = [f"{10**place} * {name}{place}.d" for place in range(places)]
    number = " + ".join(digits)
    joins = [f"JOIN digit {name}{place} ON {digit} <= {last}" for place, digit in enumerate(digits)]
    return number, f"{' '.join(joins)} AND {number} <= {last}"
