"""``v_hourly`` and ``v_daily``: AWS minutes by hour and by day, one row for each station that has minutes in it.

Nothing is hidden: ``n`` and the counts beside each mean say how much stands behind it. Nothing is made up: without values there is NULL.
"""

from __future__ import annotations

from kmaflow.catalog import DATASETS
from kmaflow.store.engines.words import DAY, HOUR, Period, Words
from kmaflow.store.views.definition import View, ViewColumn

_VALUES = tuple(column.name for column in DATASETS["aws_minute"].values)
#: How directions and speeds are packed into one sortable integer: (speed, minutes left, direction), in tenths.
_SHIFT, _NO_DIRECTION = 500, 99_999
_DIRECTIONS, _MINUTES = 100_000, 10_000


def hourly_view(words: Words) -> View:
    """Hours: 12:00 describes (11:00, 12:00]."""
    hidden, columns = _common(words, HOUR)
    # The rain of exactly this hour is what the minute HH:00 prints as its last 60 minutes; no other minute will do.
    hidden |= {name: f"MAX(CASE WHEN m.tm_kst = p.tm_kst THEN m.{name} END)" for name in ("rn_60m", "rn_day")}
    head = _head(words, HOUR)
    rain = [
        ViewColumn(
            "rn_60m",
            "a.rn_60m",
            "이 시간의 강수량: 정시 행의 RN-60m / rain of the hour: RN-60m of its last minute [mm]",
        ),
        ViewColumn("rn_day", "a.rn_day", "정시 행의 RN-DAY, 찍힌 그대로 / RN-DAY of its last minute, as printed [mm]"),
    ]
    return View(
        name="v_hourly",
        comment="AWS 시간값: 매분자료에서 / AWS by the hour, from minutes",
        needs=frozenset({"aws_minute"}),
        columns=(*head, *columns, *rain, *_wet()),
        source=words.grouped(HOUR, hidden),
    )


def daily_view(words: Words) -> View:
    """Days: D is (00:00, 24:00] and ends at the stamp 00:00 of D+1."""
    hidden, columns = _common(words, DAY)
    # RN-DAY is a running total: never summed. The minute of its reset is unknown, so the day before may still stand in the first minutes and
    # 0 may stand at 24:00 already: the greatest value in (00:10, 24:00] is the day's.
    hidden["rn_day"] = f"MAX(CASE WHEN m.tm_kst > {words.shifted('p.opened', 10)} THEN m.rn_day END)"
    hidden["rn_day_n"] = f"COUNT(CASE WHEN m.tm_kst > {words.shifted('p.opened', 10)} THEN m.rn_day END)"
    # Without a gauge (airports 92, 110, 113, 151, 167) RN-DAY is 0.0 all the same. Where no other rain value came all day there is none.
    hidden["gauge"] = "COUNT(COALESCE(m.rn_15m, m.rn_60m, m.rn_12h, m.re))"
    rain = [
        ViewColumn(
            "rn_day",
            "CASE WHEN a.gauge > 0 THEN a.rn_day END",
            "일강수량: (00:10, 24:00]의 최대 RN-DAY, 우량계가 없으면 NULL / rain of the day: greatest RN-DAY, NULL without a gauge [mm]",
        ),
        ViewColumn("rn_day_n", "a.rn_day_n", "RN-DAY가 있는 분 수 / minutes with RN-DAY [min]"),
    ]
    day = ViewColumn("day", "a.day", "날짜 / the day [KST]")
    return View(
        name="v_daily",
        comment="AWS 일값: 매분자료에서 / AWS by the day, from minutes",
        needs=frozenset({"aws_minute"}),
        columns=(day, *_head(words, DAY), *columns, *rain, *_wet()),
        source=words.grouped(DAY, hidden),
    )


def _head(words: Words, period: Period) -> list[ViewColumn]:
    return [
        ViewColumn("tm_kst", "a.tm_kst", "구간의 끝 / end of the period [KST]"),
        ViewColumn("tm_utc", "a.tm_utc", "구간의 끝 / end of the period [UTC]"),
        ViewColumn("stn", "a.stn", "지점번호 / station number [1]"),
        ViewColumn("n", "a.n", "값이 하나라도 있는 분 수 / minutes with at least one value [min]"),
        ViewColumn(
            "coverage",
            f"{words.real('a.n')} / {period.minutes}",
            f"채워진 비율, n ÷ {period.minutes} / share that is there, n ÷ {period.minutes} [1]",
        ),
    ]


def _common(words: Words, period: Period) -> tuple[dict[str, str], list[ViewColumn]]:
    """What hours and days share: aggregates of the minutes, and columns made from them."""
    hidden = {"n": f"COUNT(COALESCE({', '.join(f'm.{name}' for name in _VALUES)}))"}
    columns: list[ViewColumn] = []

    def plain(name: str, sql: str, comment: str) -> None:
        hidden[name] = sql
        columns.append(ViewColumn(name, f"a.{name}", comment))

    def of(name: str, functions: str) -> None:
        """Count, mean and extremes of a value."""
        ko, en = DATASETS["aws_minute"].column(name).ko, DATASETS["aws_minute"].column(name).en
        unit = DATASETS["aws_minute"].column(name).unit
        said = {"mean": ("AVG", "평균", "mean"), "min": ("MIN", "최저", "least"), "max": ("MAX", "최고", "greatest")}
        plain(f"{name}_n", f"COUNT(m.{name})", f"{ko}: 값이 있는 분 수 / {en}: minutes with it [min]")
        for suffix in functions.split():
            function, ko_said, en_said = said[suffix]
            plain(f"{name}_{suffix}", f"{function}(m.{name})", f"{ko}: {ko_said} / {en}: {en_said} [{unit}]")

    of("ta", "mean min max")
    of("td", "mean")
    of("hm", "mean min")
    of("pa", "mean")
    of("ps", "mean")
    of("ws10", "mean max")
    columns += _strongest(words, period, hidden, "ws10", "wd10")
    columns.append(_mean_direction(words, hidden))
    of("wss", "max")
    columns += _strongest(words, period, hidden, "wss", "wds")
    hidden |= {"re_n": "COUNT(m.re)", "wet": "COUNT(CASE WHEN m.re <> 0 THEN 1 END)"}
    return hidden, columns


def _wet() -> list[ViewColumn]:
    return [
        ViewColumn("re_n", "a.re_n", "강수감지 값이 있는 분 수 / minutes with a value of the rain detector [min]"),
        ViewColumn(
            "re_minutes",
            "CASE WHEN a.re_n > 0 THEN a.wet END",
            "강수가 감지된 분 수 / minutes in which it detected rain [min]",
        ),
    ]


def _mean_direction(words: Words, hidden: dict[str, str]) -> ViewColumn:
    # Directions are averaged as vectors weighted by speed: 350° and 10° make 0°, not 180°. Calm is WS = 0, whatever WD says: it weighs nothing.
    usable = "m.wd10 BETWEEN 0 AND 360"
    hidden["east"] = f"SUM(CASE WHEN {usable} THEN m.ws10 * {words.sine('m.wd10')} END)"
    hidden["north"] = f"SUM(CASE WHEN {usable} THEN m.ws10 * {words.cosine('m.wd10')} END)"
    hidden["blown"] = f"SUM(CASE WHEN {usable} THEN m.ws10 END)"
    # Where the vectors cancel (a millionth of the speed is left: rounding) or all is calm, there is no direction.
    tenths = words.remainder(words.integer(f"3600 + 10 * {words.bearing('a.east', 'a.north')}"), 3600)
    return ViewColumn(
        "wd10_mean",
        f"CASE WHEN a.east * a.east + a.north * a.north > 1e-12 * a.blown * a.blown THEN {words.real(tenths)} / 10 END",
        "풍속 가중 벡터평균 풍향, 0 이상 360 미만, 무풍이면 NULL / vector mean direction weighted by speed, NULL if calm [degree]",
    )


def _strongest(words: Words, period: Period, hidden: dict[str, str], speed: str, direction: str) -> list[ViewColumn]:
    """Direction and time of the greatest speed; of equal ones the first."""
    left = words.minutes_left(period.minutes)
    packed = (
        f"{words.integer(f'm.{speed} * 10 + {_SHIFT}')} * {_DIRECTIONS * _MINUTES} + {left} * {_DIRECTIONS} + "
        f"COALESCE({words.integer(f'm.{direction} * 10 + {_SHIFT}')}, {_NO_DIRECTION})"
    )
    hidden[f"{speed}_key"] = f"MAX({packed})"
    tenths = words.remainder(f"a.{speed}_key", _DIRECTIONS)
    minutes = words.remainder(words.quotient(f"a.{speed}_key", _DIRECTIONS), _MINUTES)
    column = DATASETS["aws_minute"].column(speed)
    return [
        ViewColumn(
            f"{speed}_max_wd",
            f"CASE WHEN {tenths} <> {_NO_DIRECTION} THEN {words.real(f'{tenths} - {_SHIFT}')} / 10 END",
            f"{column.ko}: 최고일 때의 풍향 / {column.en}: direction of the greatest [degree]",
        ),
        ViewColumn(
            f"{speed}_max_tm_kst",
            words.earlier("a.tm_kst", minutes),
            f"{column.ko}: 최고가 처음 나타난 시각 / {column.en}: stamp of the first greatest [KST]",
        ),
    ]
