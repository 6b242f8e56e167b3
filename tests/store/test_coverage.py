"""Every expected cell has exactly one state, whatever the hub answered and in which order; gaps, hours and single stamps agree on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window, day_of
from kmaflow.collect.run import chosen_rows
from kmaflow.hub.parse import Parsed, empty_rows
from kmaflow.store import Store
from kmaflow.store.coverage.cells import CELL_STATES
from kmaflow.store.coverage.cells import cells as cells_of
from kmaflow.store.coverage.day import read_days
from kmaflow.store.coverage.gaps import Gap, asked, due, first_start, gaps
from kmaflow.store.coverage.overhead import Beside, beside, most_bytes_per_stamp
from kmaflow.store.coverage.proof import record_answer
from kmaflow.store.coverage.recount import recount
from kmaflow.store.coverage.shares import shares
from kmaflow.store.coverage.states import STATES, hours, stamps
from kmaflow.store.coverage.timeline import MISSING
from kmaflow.store.engines.base import engine_of
from kmaflow.store.engines.database import writing
from kmaflow.store.ledger import DEFERRED, REQUEST
from kmaflow.store.schema.observations import OBSERVATIONS
from kmaflow.store.schema.service import COMPLETENESS_HOUR, COVERAGE_DAY, LATEST, LEDGER, REJECTED_LINE, REVISION
from kmaflow.store.selection import StationChoice
from kmaflow.store.views.completeness import completeness_view

from .bodies import WITNESS, at, minute_body, parsed_of, request_of, stamp

NOON = datetime(2025, 1, 15, 12, 0)
HOUR_OF_NOON = Window(NOON, NOON + HOUR)
LATER = NOON + 30 * DAY
STATIONS = (90, 108, 119)


@pytest.fixture
def known(store: Store) -> Iterator[Store]:
    """A database with coverage."""
    with writing(store.engine) as connection:
        COVERAGE_DAY.create(connection, checkfirst=True)
        connection.execute(COVERAGE_DAY.delete())
    yield store
    with writing(store.engine) as connection:
        connection.execute(COVERAGE_DAY.delete())


def _load(
    store: Store,
    cells: dict[tuple[datetime, int], dict[str, float]],
    minute: float,
    *,
    window: Window = HOUR_OF_NOON,
    stn: int = 0,
    selection: str = "all",
    extra: tuple[str, ...] = (),
    witness: bool = True,
) -> None:
    body = minute_body(cells, extra=extra, witness=witness)
    parsed = parsed_of("aws_minute", body, window)
    request = request_of(body, at(minute), window=window, stn=stn, selection=selection)
    if selection != "all":
        mine = pl.col("stn").is_in([int(one) for one in selection.split(",")])
        parsed = replace(parsed, rows=parsed.rows.filter(mine))
    store.load(parsed, request)


def _fail(store: Store, window: Window, minute: float, code: str, *, stn: int = 0, status: int | None = 504) -> None:
    request = request_of(b"", at(minute), window=window, stn=stn)
    kind = DEFERRED if code == "quota" and status is None else REQUEST
    store.note(
        replace(request, outcome=code, http_status=status, sha256=None, message=f"the words of {code}", kind=kind)
    )


def _gaps(
    store: Store,
    window: Window = HOUR_OF_NOON,
    *,
    stations: tuple[int, ...] | None = None,
    start: datetime | None = None,
    now: datetime = LATER,
    name: str = "aws_minute",
) -> list[Gap]:
    with writing(store.engine) as connection:
        return gaps(connection, [name], window, now=now, stations=stations, start=start)


def _minutes(first: int, last: int) -> Window:
    return Window(stamp(first), stamp(last))


def _full(window: Window, stations: tuple[int, ...] = (108,)) -> dict[tuple[datetime, int], dict[str, float]]:
    return {(one, stn): {"ta": 1.0} for one in window.stamps(MINUTE) for stn in stations}


# --------------------------------------------------------------------------------------------------------------- the states


def test_each_state_has_its_stretch_and_its_reason(known: Store) -> None:
    _load(known, _full(_minutes(0, 20)), 70, window=_minutes(0, 20))
    _fail(known, _minutes(20, 30), 71, "server")
    _fail(known, _minutes(30, 40), 72, "quota", status=None)
    _fail(known, _minutes(40, 50), 73, "quota", status=403)
    found = [(gap.window, gap.state, gap.why, gap.stations, gap.cells, gap.error, gap.last) for gap in _gaps(known)]
    assert found == [
        (_minutes(20, 30), "refused", "server", None, 20, "the words of server", at(71)),
        (_minutes(30, 40), "not_asked", "quota", None, 20, "the words of quota", at(72)),
        (_minutes(40, 50), "refused", "quota", None, 20, "the words of quota", at(73)),
        (_minutes(50, 60), "not_asked", "planned", None, 20, None, None),
    ]
    start = _gaps(known, start=stamp(55))[-2:]
    assert [(gap.window, gap.why) for gap in start] == [
        (_minutes(50, 55), "before_start"),
        (_minutes(55, 60), "planned"),
    ]


def test_blank_and_absent_are_not_missing_and_a_whole_answer_beats_every_refusal(known: Store) -> None:
    cells = _full(_minutes(0, 60), (108, 119)) | {(stamp(7), 119): {}}
    del cells[stamp(5), 108]
    _fail(known, HOUR_OF_NOON, 65, "timeout")
    _load(known, cells, 70)
    _fail(known, HOUR_OF_NOON, 75, "timeout")
    assert _gaps(known) == []
    with writing(known.engine) as connection:
        (frame,) = hours(connection, "aws_minute", HOUR_OF_NOON, now=LATER)
        counts = {row["stn"]: (row["present"], row["blank"], row["absent"]) for row in frame.iter_rows(named=True)}
        assert counts == {108: (59, 0, 1), 119: (59, 1, 0), WITNESS: (60, 0, 0)}
        states = {
            (tm, stn): state for tm, stn, state, *_ in stamps(connection, "aws_minute", _minutes(4, 7)).iter_rows()
        }
        assert (states[stamp(5), 108], states[stamp(6), 108], states[stamp(7), 119]) == ("absent", "present", "blank")


def test_minutes_not_produced_yet_are_missing_until_they_come(known: Store) -> None:
    early = _full(_minutes(0, 8), (108, WITNESS)) | {
        (stamp(minute), stn): {} for minute in (9, 10) for stn in (108, WITNESS)
    }
    _load(known, early, 11, window=_minutes(0, 10), witness=False)
    _load(known, early, 12, window=_minutes(0, 10), witness=False)
    (gap,) = _gaps(known, _minutes(0, 10))
    assert (gap.window, gap.state, gap.cells, gap.last) == (_minutes(8, 10), "not_yet_produced", 2 * 2, at(11))
    _load(known, _full(_minutes(0, 10)), 20, window=_minutes(0, 10))
    assert _gaps(known, _minutes(0, 10)) == []


def test_a_line_that_cannot_be_read_is_missing_until_a_younger_answer_says_more(known: Store) -> None:
    cells = _full(_minutes(0, 10), (108, 119))
    for minute in (3, 4):
        del cells[stamp(minute), 108]
    garbled = tuple(f"{stamp(minute):%Y%m%d%H%M},108,x,=" for minute in (3, 4))
    _load(known, cells, 20, window=_minutes(0, 10), extra=garbled)
    (gap,) = _gaps(known, _minutes(0, 10))
    assert (gap.window, gap.state, gap.stations, gap.cells, gap.last) == (_minutes(2, 4), "rejected", (108,), 2, at(20))
    assert gap.error is not None
    assert "columns" in gap.error
    with writing(known.engine) as connection:
        (frame,) = hours(connection, "aws_minute", HOUR_OF_NOON, now=LATER)
        assert frame.filter(stn=108).select("present", "rejected", "not_asked", "absent").row(0) == (8, 2, 50, 0)
        states = stamps(connection, "aws_minute", _minutes(2, 3), stations=[108])
        assert states.row(0) == (stamp(3), 108, "rejected", "", True)
    _load(known, cells | {(stamp(3), 108): {"ta": 1.0}}, 30, window=_minutes(0, 10))
    assert _gaps(known, _minutes(0, 10)) == [], "minute 3 has come; of minute 4 a whole answer says that there is none"


def test_an_asos_hour_that_is_too_young_is_not_absent(known: Store) -> None:
    window, name = Window(NOON, NOON + 2 * HOUR), "asos_hourly"
    rows = empty_rows(DATASETS[name])
    first = pl.DataFrame(
        {"tm_kst": [NOON + HOUR], "stn": [108], "ta": [1.0], "blank": [False]}, schema_overrides=rows.schema
    )
    parsed = Parsed(DATASETS[name], pl.concat([rows, first], how="diagonal"), None, (), (), 1)
    for moment, states in (
        (NOON + 2 * HOUR + 5 * MINUTE, ["not_yet_produced"]),
        (NOON + 6 * HOUR, ["not_yet_produced"]),
    ):
        request = replace(request_of(b"x", moment, dataset=name, window=window), outcome="ok")
        known.load(parsed, request)
        assert [gap.state for gap in _gaps(known, window, name=name)] == states


# ------------------------------------------------------------------------------------------------------------- the stations


def test_expected_are_the_stations_that_reported_within_seven_days(known: Store) -> None:
    _load(known, _full(_minutes(0, 10)), 20, window=_minutes(0, 10))
    for days, cells in ((7, 20), (-7, 20)):
        window = Window(stamp(0) + days * DAY, stamp(10) + days * DAY)
        (gap,) = _gaps(known, window)
        assert (gap.stations, gap.cells, gap.known, gap.why) == (None, cells, True, "planned")
    (gap,) = _gaps(known, Window(stamp(0) + 8 * DAY, stamp(10) + 8 * DAY))
    assert (gap.stations, gap.cells, gap.known) == (None, 10, False), "nobody knows who was there"
    (gap,) = _gaps(known, Window(stamp(0) + 8 * DAY, stamp(10) + 8 * DAY), stations=(119, 133))
    assert (gap.stations, gap.cells, gap.known) == ((119, 133), 20, True), "but these were named"
    assert _gaps(known, _minutes(0, 10), stations=(119,)) == [], "an answer for all says that 119 does not report"


def test_a_year_without_a_word_is_one_gap_and_an_empty_old_answer_none(known: Store) -> None:
    year = Window(datetime(2023, 1, 1), datetime(2024, 1, 1))
    # At its beginning the hub has nothing any more.
    kept_from = datetime(2023, 2, 14)
    assert [(gap.window, gap.state, gap.why, gap.cells, gap.known) for gap in _gaps(known, year)] == [
        (Window(year.start, kept_from), "not_asked", "gone", 44 * 1440, False),
        (Window(kept_from, year.end), "not_asked", "planned", 321 * 1440, False),
    ]
    body = minute_body({}, witness=False)
    window = Window(datetime(2023, 6, 1), datetime(2023, 6, 1, 0, 10))
    known.load(parsed_of("aws_minute", body, window), request_of(body, LATER, window=window))
    assert [gap.window for gap in _gaps(known, Window(window.start - MINUTE, window.end + MINUTE))] == [
        Window(window.start - MINUTE, window.start),
        Window(window.end, window.end + MINUTE),
    ]
    assert sum(gap.cells for gap in _gaps(known, year)) == 365 * 1440 - 10


def test_what_was_answered_for_some_stations_is_known_for_these_alone(known: Store) -> None:
    _load(known, _full(_minutes(0, 30), (90, 108, 119)), 70, window=_minutes(0, 30), selection="90,108")
    _load(known, _full(_minutes(30, 60), (108,)), 71, window=_minutes(30, 60), stn=108, witness=False)
    (gap,) = _gaps(known, stations=(90, 108))
    assert (gap.window, gap.stations, gap.cells, gap.why) == (_minutes(30, 60), (90,), 30, "planned")
    (first, second) = _gaps(known, stations=(108, 119))
    assert (first.window, first.stations, first.why) == (_minutes(0, 30), (119,), "stations")
    assert (second.window, second.stations, second.why) == (_minutes(30, 60), (119,), "planned")
    everyone = [(gap.window, gap.stations, gap.why, gap.known) for gap in _gaps(known)]
    assert everyone == [
        (_minutes(0, 30), None, "stations", False),
        (_minutes(30, 60), None, "planned", False),
        (_minutes(30, 60), (90,), "planned", True),
    ]


def test_a_refusal_for_one_station_is_its_own(known: Store) -> None:
    _load(known, _full(_minutes(0, 30), (108, 119)), 70, window=_minutes(0, 30))
    _fail(known, _minutes(30, 60), 71, "unknown_station", stn=119, status=200)
    found = [(gap.stations, gap.state, gap.why) for gap in _gaps(known)]
    assert found == [((108, WITNESS), "not_asked", "planned"), ((119,), "refused", "unknown_station")]


def test_stamps_that_the_hub_cannot_have_yet_are_not_expected(known: Store) -> None:
    assert due("aws_minute", stamp(20) + timedelta(seconds=30)) == stamp(17)
    assert due("asos_hourly", NOON + HOUR + 10 * MINUTE) == NOON
    _load(known, _full(_minutes(0, 10)), 11, window=_minutes(0, 10))
    assert _gaps(known, now=stamp(13)) == []
    assert [gap.window for gap in _gaps(known, now=stamp(20))] == [_minutes(10, 17)]
    assert _gaps(known, Window(LATER, LATER + DAY)) == []


def test_what_was_asked_and_since_when(known: Store) -> None:
    with writing(known.engine) as connection:
        assert asked(connection) == []
        assert first_start(connection) is None
    _fail(known, _minutes(0, 10), 0.5, "timeout")
    with writing(known.engine) as connection:
        assert asked(connection) == ["aws_minute"]
        assert first_start(connection) == stamp(0)


def test_a_stretch_over_days_counts_those_who_were_expected_on_each(known: Store) -> None:
    day = Window(datetime(2025, 1, 10), datetime(2025, 1, 11))
    _load(known, _full(day, (108,)), 0, window=day)
    _load(
        known,
        {(datetime(2025, 1, 19, 0, 1), 119): {"ta": 1.0}},
        0,
        window=Window(datetime(2025, 1, 19), datetime(2025, 1, 19, 0, 1)),
    )
    (gap, *_) = _gaps(known, Window(day.end, datetime(2025, 1, 19)))
    # 108 until the 17th, 119 from the 12th, 999 on all eight days.
    assert (gap.window.end, gap.stations, gap.cells) == (datetime(2025, 1, 19), None, 1440 * (7 + 7 + 8))


# ------------------------------------------------------------------------------------------------------------ against a model


@dataclass(frozen=True)
class Told:
    """One answer or refusal, as it was made up."""

    window: Window
    stn: int
    selection: tuple[int, ...] | None
    code: str | None
    placeholders: frozenset[int]
    cells: dict[tuple[int, int], str]

    def concerns(self, minute: int, stn: int) -> bool:
        mine = self.selection is None or stn in self.selection
        return mine and self.stn in (0, stn) and stamp(minute) in self.window


@st.composite
def _told(draw: st.DrawFn) -> Told:
    first = draw(st.integers(0, 18))
    last = draw(st.integers(first + 1, 20))
    one = draw(st.sampled_from([0, 0, 0, 0, *STATIONS]))
    selection = draw(st.sampled_from([None, None, (90, 108), (119,)])) if one == 0 else None
    code = draw(st.sampled_from([None, None, None, "server", "timeout"]))
    placeholders = draw(st.frozensets(st.integers(first + 1, last), max_size=3)) if one == 0 else frozenset()
    # An answer without one line that can be read would be refused as a whole.
    kinds = st.sampled_from(["present", "present", "blank", "absent", *([] if one else ["garbled"])])
    cells = {(minute, stn): draw(kinds) for minute in range(first + 1, last + 1) for stn in STATIONS}
    return Told(_minutes(first, last), one, selection if code is None else None, code, placeholders, cells)


def _tell(store: Store, told: Told, number: int) -> None:
    if told.code is not None:
        _fail(store, told.window, 100 + number, told.code, stn=told.stn)
        return
    cells: dict[tuple[datetime, int], dict[str, float]] = {}
    extra = []
    for (minute, stn), kind in told.cells.items():
        if told.stn not in (0, stn):
            continue
        if minute in told.placeholders:
            cells[stamp(minute), stn] = {}
        elif kind == "garbled" and (told.selection is None or stn in told.selection):
            extra.append(f"{stamp(minute):%Y%m%d%H%M},{stn},x,=")
        elif kind in ("present", "blank"):
            cells[stamp(minute), stn] = {"ta": 1.0} if kind == "present" else {}
    # Enough others, so that no stamp looks as if its stations had been left out, by number or by size.
    for minute in {minute for minute, _ in told.cells} - told.placeholders if told.stn == 0 else ():
        cells |= {(stamp(minute), WITNESS - shift): {"ta": 1.0} for shift in range(20)}
    body = minute_body(cells, extra=extra, witness=False)
    parsed = parsed_of("aws_minute", body, told.window)
    if told.stn:
        parsed = replace(parsed, not_produced=())
    selection = "all" if told.selection is None else ",".join(map(str, told.selection))
    if told.selection is not None:
        parsed = chosen_rows(parsed, StationChoice(told.selection))
    request = request_of(body + b"%d" % number, at(100 + number), window=told.window, stn=told.stn, selection=selection)
    store.load(parsed, request)


def _model(history: list[Told], minute: int, stn: int) -> tuple[str, str]:
    """The state of a cell, by the words of design.md §6."""
    mine = [told for told in history if told.concerns(minute, stn)]
    answers = [told for told in mine if told.code is None]
    # A station's own answer proves nothing where it has no row.
    proving = [told for told in answers if not told.stn or told.cells[minute, stn] != "absent"]
    kinds = [told.cells[minute, stn] for told in proving if minute not in told.placeholders]
    if "present" in kinds:
        return "present", ""
    if "blank" in kinds:
        return "blank", ""
    if kinds:
        return ("rejected", "") if kinds[-1] == "garbled" else ("absent", "")
    if mine:
        return ("not_yet_produced", "") if mine[-1].code is None else ("refused", str(mine[-1].code))
    others = [told for told in history if told.code is None and told.stn == 0 and minute not in told.placeholders]
    return "not_asked", "stations" if any(stamp(minute) in told.window for told in others) else "planned"


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Store]]:
    """Gives the same database each time, empty but for a row of each station on the day before: so that it is expected."""
    with Store(f"sqlite:///{tmp_path_factory.mktemp('model')}/kmaflow.db") as store:
        store.init(all_tables=True)
        with writing(store.engine) as connection:
            COVERAGE_DAY.create(connection, checkfirst=True)

        def empty() -> Store:
            with writing(store.engine) as connection:
                for table in (
                    LEDGER,
                    REJECTED_LINE,
                    REVISION,
                    COMPLETENESS_HOUR,
                    LATEST,
                    COVERAGE_DAY,
                    OBSERVATIONS["aws_minute"],
                ):
                    connection.execute(table.delete())
            before = Told(
                _minutes(-1440, -1439), 0, None, None, frozenset(), {(-1439, stn): "present" for stn in STATIONS}
            )
            _tell(store, before, 0)
            return store

        yield empty


@settings(max_examples=100, deadline=None)
@given(history=st.lists(_told(), min_size=1, max_size=6))
def test_gaps_hours_and_stamps_say_what_the_answers_said(emptied: Callable[[], Store], history: list[Told]) -> None:
    store = emptied()
    for number, answer in zip(count(1), history, strict=False):
        _tell(store, answer, number)
    window = _minutes(0, 20)
    cells = [(minute, stn) for minute in range(1, 21) for stn in STATIONS]
    expected = {cell: _model(history, *cell) for cell in cells}
    missing: dict[tuple[int, int], tuple[str, str]] = {}
    with writing(store.engine) as connection:
        found = gaps(connection, ["aws_minute"], window, now=LATER)
    for gap in found:
        assert gap.known
        stations = set(STATIONS) & set(STATIONS if gap.stations is None else gap.stations)
        for one in gap.window.stamps(MINUTE):
            for stn in stations:
                cell = ((one - NOON) // MINUTE, stn)
                assert cell not in missing, "one state for each"
                missing[cell] = (gap.state, gap.why)
    assert missing == {cell: state for cell, state in expected.items() if state[0] in MISSING}
    with writing(store.engine) as connection:
        told = stamps(connection, "aws_minute", window)
        exact = {
            ((tm - NOON) // MINUTE, stn): (state, why) for tm, stn, state, why, _ in told.iter_rows() if stn in STATIONS
        }
        assert exact == expected
        drawn = cells_of(connection, "aws_minute", window, now=LATER)
        assert {
            (index + 1, stn): CELL_STATES[state]
            for stn, row in zip(drawn.stations, drawn.codes.tolist(), strict=True)
            for index, state in enumerate(row)
            if stn in STATIONS
        } == {cell: state for cell, (state, _) in expected.items()}
        counted = shares(connection, "aws_minute", window, now=LATER)
        (frame,) = hours(connection, "aws_minute", window, now=LATER)
        (uneven,) = list(hours(connection, "aws_minute", window, now=LATER, uneven=True)) or [frame.clear()]
    assert frame.select(pl.sum_horizontal(STATES)).to_series().to_list() == [60] * frame.height
    assert uneven.equals(frame) or (uneven.is_empty() and frame["present"].sum() == 60 * frame.height)
    for stn in STATIONS:
        row = frame.filter(stn=stn).row(0, named=True)
        told_states = [state for (_, one), (state, _) in expected.items() if one == stn]
        assert {state: row[state] for state in STATES if state != "not_asked"} == {
            state: told_states.count(state) for state in STATES if state != "not_asked"
        }
    not_meant = told.filter(why="stations").height
    assert counted.present.tolist() == [frame["present"].sum()]
    assert counted.expected.tolist() == [60 * frame.height - not_meant]


# ------------------------------------------------------------------------------------------------------------------ the days


def test_a_line_that_names_no_station_may_be_about_each_that_lacks_one(known: Store) -> None:
    _load(known, _full(_minutes(0, 10), (108, 119)), 20, window=_minutes(0, 10))
    cells = _full(_minutes(10, 20), (108,))
    body = minute_body(cells, extra=[f"{stamp(15):%Y%m%d%H%M},?,x,="])
    window = _minutes(10, 20)
    parsed, request = parsed_of("aws_minute", body, window), request_of(body, at(21), window=window)
    with writing(known.engine) as connection:
        record_answer(connection, parsed, request, stored=empty_rows(parsed.dataset))
        (gap,) = gaps(connection, ["aws_minute"], _minutes(0, 20), now=LATER)
        assert (gap.window, gap.state, gap.stations) == (_minutes(14, 15), "rejected", (119,))
        before = read_days(connection, "aws_minute", (day_of(NOON), day_of(NOON)))
        record_answer(connection, parsed, request, stored=empty_rows(parsed.dataset))
        assert read_days(connection, "aws_minute", (day_of(NOON), day_of(NOON))) == before


def test_a_day_holds_its_own_midnight(known: Store) -> None:
    window = Window(datetime(2025, 1, 15, 23, 50), datetime(2025, 1, 16, 0, 10))
    _load(known, _full(window), 20, window=window)
    with writing(known.engine) as connection:
        covered = read_days(connection, "aws_minute", (day_of(window.start), day_of(window.end)))
        spans = {f"{day}": one_day.answered["all"] for day, one_day in covered.items()}
        assert spans == {"2025-01-15": ((1430, 1440),), "2025-01-16": ((0, 10),)}
        assert [one_day.present for one_day in covered.values()] == [20, 20]
        stored = connection.execute(sa.select(COVERAGE_DAY.c.reported)).scalars().all()
        assert stored == ["108,999", "108,999"]


def test_days_kept_while_loading_are_those_counted_again(known: Store) -> None:
    night = Window(datetime(2025, 1, 15, 23, 50), datetime(2025, 1, 16, 0, 20))
    _load(known, _full(night, (108, 119)), 20, window=night)
    _load(known, _full(night, (108, 119)), 21, window=night)
    cells = _full(_minutes(0, 20), (90, 108)) | {(stamp(2), 108): {}}
    del cells[stamp(3), 108]
    garbled = (f"{stamp(3):%Y%m%d%H%M},108,x,=",)
    _load(known, cells, 22, window=_minutes(0, 20), extra=garbled)
    _load(known, _full(_minutes(1, 2)), 23, window=_minutes(1, 2), selection="108")
    _load(
        known,
        {(stamp(minute), stn): {} for minute in (31, 32) for stn in (90, 108)},
        24,
        window=_minutes(30, 32),
        witness=False,
    )
    with writing(known.engine) as connection:
        days = (date(2025, 1, 15), date(2025, 1, 16))
        kept = read_days(connection, "aws_minute", days)
        recount(connection, "aws_minute")
        assert read_days(connection, "aws_minute", days) == kept
        assert kept[days[0]].rejected == {108: frozenset({12 * 60 + 3})}
        assert (kept[days[0]].present, kept[days[0]].blank) == (3 * 10 + 3 * 20 - 2 + 1, 0)


# ----------------------------------------------------------------------------------------------------------- what was seen


def test_sizes_and_requests_beside_the_plan_are_those_of_the_ledger(known: Store) -> None:
    with writing(known.engine) as connection:
        assert most_bytes_per_stamp(connection, "aws_minute") == (None, None)
    body = minute_body(_full(_minutes(0, 10)))
    _load(known, _full(_minutes(0, 10)), 11, window=_minutes(0, 10))
    _fail(known, _minutes(10, 20), 21, "truncated", status=200)
    _fail(known, _minutes(10, 20), 21.5, "quota", status=None)
    for low, high in ((10, 15), (15, 20)):
        _load(known, _full(_minutes(low, high)), 22 + low, window=_minutes(low, high))
    _load(known, _full(_minutes(0, 10)), 40, window=_minutes(0, 10))
    _load(known, _full(_minutes(0, 30)), 41, window=_minutes(0, 30), stn=108)
    with writing(known.engine) as connection:
        together, single = most_bytes_per_stamp(connection, "aws_minute")
        assert together is not None
        assert single is not None
        assert together >= len(body) / 10
        assert beside(connection, at(0)) == {"aws_minute": Beside(requests=6, retries=1, halves=2, again=1)}
        assert beside(connection, at(41)) == {"aws_minute": Beside(requests=1)}


def test_the_view_of_hours_has_a_share_and_utc(known: Store) -> None:
    (view,) = [completeness_view(engine_of(known.engine).words)]
    _load(known, _full(_minutes(0, 15)), 20, window=_minutes(0, 15))
    with writing(known.engine) as connection:
        found = connection.execute(sa.text(view.query)).mappings().all()
        told = {row["stn"]: row for row in found}
        assert set(told) == {108, WITNESS}
        row = told[108]
        assert (row["dataset"], row["present"], row["blank"], row["expected"], row["share"]) == (
            "aws_minute",
            15,
            0,
            60,
            0.25,
        )
        assert (f"{row['hour_kst']}", f"{row['tm_utc']}") == ("2025-01-15 13:00:00", "2025-01-15 04:00:00")
