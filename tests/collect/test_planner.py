"""Plans cover what is wanted, keep to what a call may ask for, tell their price, and come close to the best plan there is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.collect.planning.calls import Call, Rules
from kmaflow.collect.planning.plan import Budget, Cost, Plan, Price, Want, plan_calls

NOON = datetime(2025, 1, 15, 12, 0)
GENERAL = Budget(20_000, 5_000_000_000)
MINUTES = Rules.of(DATASETS["aws_minute"], 10)
#: 730 stations, 140 bytes a row.
PRICE = Price(730 * 140, 140)
Cell = tuple[int | None, int]


def _stamp(number: int) -> datetime:
    return NOON + number * MINUTE


def _window(low: int, high: int) -> Window:
    """The stamps low … high - 1."""
    return Window(_stamp(low - 1), _stamp(high - 1))


def _day(days: float = 1) -> Window:
    return Window(datetime(2025, 1, 1), datetime(2025, 1, 1) + days * DAY)


def _cheapest(cells: frozenset[Cell], rules: Rules, price: Price, budget: Budget) -> int:
    """The share of the best of all plans: the first open cell is covered by each call that covers it, wherever it begins and ends."""
    order = sorted(cells, key=lambda cell: (cell[1], cell[0] or 0))
    bit = {cell: 1 << index for index, cell in enumerate(order)}
    first, last = order[0][1], order[-1][1]
    moves: dict[Cell, set[tuple[int, int, int]]] = {cell: set() for cell in cells}
    for stn in {None, *(stn for stn, _ in cells if stn is not None)}:
        reach, size = (
            (rules.all_stations, price.all_stations) if stn is None else (rules.one_station, price.one_station)
        )
        for low in range(first, last + 1):
            for high in range(low + 1, min(low + reach, last + 1) + 1):
                covered = [cell for cell in cells if low <= cell[1] < high and stn in (None, cell[0])]
                mask = sum(bit[cell] for cell in covered)
                for cell in covered:
                    moves[cell].add((mask, 1, (high - low) * size))
    fronts: dict[int, set[tuple[int, int]]] = {0: {(0, 0)}}
    full = (1 << len(order)) - 1
    for done in range(full):
        if done not in fronts:
            continue
        here = fronts.pop(done)
        here = {one for one in here if not any(two != one and two[0] <= one[0] and two[1] <= one[1] for two in here)}
        open_ = next(cell for cell in order if not bit[cell] & done)
        for mask, calls, size in moves[open_]:
            fronts.setdefault(done | mask, set()).update((one[0] + calls, one[1] + size) for one in here)
    return min(budget.share(Cost(calls, size)) for calls, size in fronts[full])


def _covered(calls: Sequence[Call]) -> set[Cell]:
    return {(call.stn, (stamp - NOON) // MINUTE) for call in calls for stamp in call.window.stamps(MINUTE)}


def _check(plan: Plan, cells: frozenset[Cell], rules: Rules, price: Price) -> None:
    calls = plan.calls
    covered = _covered(calls)
    assert all(cell in covered or (None, cell[1]) in covered for cell in cells)
    for call in calls:
        assert call.window.count(rules.step) <= (rules.all_stations if call.stn is None else rules.one_station)
    sizes = [
        call.window.count(rules.step) * (price.all_stations if call.stn is None else price.one_station)
        for call in calls
    ]
    assert plan.cost == Cost(len(calls), sum(sizes))
    assert plan.calls_for_all == sum(call.stn is None for call in calls)


#: Bytes of a row beside those of all stations, and a day's calls beside its bytes, as they are in life and well around it.
_PRICES = st.builds(lambda rows, size: Price(rows * size, size), st.integers(20, 800), st.integers(50, 300))
_BUDGETS = st.builds(Budget, st.integers(2_000, 40_000), st.sampled_from([10**9, 5 * 10**9]))
_CELLS = st.frozensets(st.tuples(st.sampled_from([None, 90, 108, 119]), st.integers(1, 9)), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(cells=_CELLS, rules=st.sampled_from([Rules(MINUTE, 2, 6), Rules(MINUTE, 3, 9)]), price=_PRICES, budget=_BUDGETS)
def test_small_plans_are_at_most_a_half_dearer_than_the_best(
    cells: frozenset[Cell], rules: Rules, price: Price, budget: Budget
) -> None:
    """With so few calls one more is much; what it comes to at the size of life stands in docs/completeness.md."""
    wants = [Want(_window(stamp, stamp + 1), None if stn is None else (stn,)) for stn, stamp in sorted(cells, key=str)]
    plan = plan_calls(wants, rules, price, budget)
    _check(plan, cells, rules, price)
    best = _cheapest(cells, rules, price, budget)
    assert best <= budget.share(plan.cost) <= 1.5 * best
    assert not plan.proven or budget.share(plan.cost) == best
    assert plan_calls(reversed(wants), rules, price, budget) == plan, "the order of wishes does not matter"


@settings(max_examples=60, deadline=None)
@given(
    low=st.integers(0, 9),
    length=st.integers(1, 12),
    stations=st.sampled_from([None, (90,), (90, 108)]),
    rules=st.sampled_from([Rules(MINUTE, 2, 6), Rules(MINUTE, 3, 4)]),
    price=_PRICES,
    budget=_BUDGETS,
)
def test_an_outage_and_one_group_in_one_interval_cost_the_least_there_is(
    low: int, length: int, stations: tuple[int, ...] | None, rules: Rules, price: Price, budget: Budget
) -> None:
    plan = plan_calls([Want(_window(low, low + length), stations)], rules, price, budget)
    cells = frozenset((stn, stamp) for stn in stations or (None,) for stamp in range(low, low + length))
    _check(plan, cells, rules, price)
    assert plan.proven
    if len(cells) <= 12:
        assert budget.share(plan.cost) == _cheapest(cells, rules, price, budget)


@given(
    spans=st.lists(
        st.tuples(st.integers(0, 20_000), st.integers(1, 4_000), st.sampled_from([None, (90,), (90, 108), (119,)])),
        min_size=1,
        max_size=6,
    ),
    newest_first=st.booleans(),
)
@settings(max_examples=10, deadline=None)
@example([(0, 30, (90,)), (2000, 30, (90,)), (2040, 5, None)], True)
def test_large_plans_cover_what_is_wanted_and_keep_to_the_rules(
    spans: list[tuple[int, int, tuple[int, ...] | None]], newest_first: bool
) -> None:
    wants = [Want(_window(low, low + length), stations) for low, length, stations in spans]
    cells = {
        (stn, stamp)
        for low, length, stations in spans
        for stamp in range(low, low + length)
        for stn in stations or (None,)
    }
    plan = plan_calls(wants, MINUTES, PRICE, GENERAL, newest_first=newest_first)
    _check(plan, frozenset(cells), MINUTES, PRICE)
    ends = [call.window.end if newest_first else call.window.start for call in plan.calls]
    assert ends == sorted(ends, reverse=newest_first)
    together = plan_calls([Want(want.window) for want in wants], MINUTES, PRICE, GENERAL)
    assert GENERAL.share(plan.cost) <= GENERAL.share(together.cost)


def test_a_day_of_all_stations_is_144_calls() -> None:
    plan = plan_calls([Want(_day())], MINUTES, PRICE, GENERAL)
    assert (plan.cost, plan.proven) == (Cost(144, 1440 * 730 * 140), True)
    assert [call.window for call in plan.calls] == list(_day().split(10 * MINUTE))
    assert GENERAL.days(plan.cost) == pytest.approx(0.0294, abs=1e-4)
    assert plan_calls([], MINUTES, PRICE, GENERAL).calls == ()


def test_all_stations_are_asked_at_once_even_where_there_are_few() -> None:
    """95 ceilometers would be 95 calls a day instead of 144; but who is asked one by one cannot be somebody new."""
    assert plan_calls([Want(_day())], MINUTES, Price(95 * 140, 140), GENERAL).cost.calls == 144


@pytest.mark.parametrize(
    ("stations", "hours", "calls", "together"),
    [
        ((108,), 24, 1, 0),
        ((108,), 25, 2, 0),
        ((108, 119, 133), 24, 3, 0),
        (tuple(range(100, 200)), 24, 100, 0),
        # The day by single calls, the hour after it for all.
        (tuple(range(100, 200)), 25, 106, 6),
        # 300 stations: 300 calls are dearer than 144 answers of 730 stations? No: bytes count too.
        (tuple(range(100, 400)), 24, 300, 0),
        (tuple(range(100, 800)), 24, 144, 144),
    ],
)
def test_some_stations(stations: tuple[int, ...], hours: int, calls: int, together: int) -> None:
    window = Window(datetime(2025, 1, 1), datetime(2025, 1, 1) + hours * HOUR)
    plan = plan_calls([Want(window, stations)], MINUTES, PRICE, GENERAL)
    assert (plan.cost.calls, plan.calls_for_all, plan.proven) == (calls, together, True)


def test_asos_is_asked_by_thirty_days() -> None:
    rules = Rules.of(DATASETS["asos_hourly"], 1)
    assert (rules.step, rules.all_stations, rules.one_station) == (HOUR, 720, 720)
    plan = plan_calls([Want(_day(365))], rules, Price(97 * 267, 267), GENERAL)
    assert [call.window.count(HOUR) for call in plan.calls] == [720] * 12 + [120]


def test_what_one_call_spans_is_asked_once() -> None:
    """Three outages of one station in a day; two minutes for all stations with three known ones between them."""
    outages = [Want(_window(low, low + 5), (108,)) for low in (1, 500, 1000)]
    (call,) = plan_calls(outages, MINUTES, PRICE, GENERAL).calls
    assert (call.window, call.stn) == (_window(1, 1005), 108)
    cheap = Price(140, 140)
    assert [
        call.window for call in plan_calls([Want(_window(1, 2)), Want(_window(5, 6))], MINUTES, cheap, GENERAL).calls
    ] == [_window(1, 6)]


def test_what_is_wanted_of_all_is_not_asked_of_one() -> None:
    plan = plan_calls([Want(_window(1, 11)), Want(_window(5, 16), (108,))], MINUTES, PRICE, GENERAL)
    assert [(call.window, call.stn) for call in plan.calls] == [(_window(1, 11), None), (_window(11, 16), 108)]


def test_a_dead_station_beside_an_outage_is_asked_alone_for_the_rest_of_the_day() -> None:
    """As the module's own words have it."""
    plan = plan_calls([Want(_day(), (108,)), Want(_window(1, 31))], MINUTES, PRICE, GENERAL)
    assert [call.stn for call in plan.calls].count(None) == 3
    assert [call.stn for call in plan.calls if call.stn is not None] == [108]


def test_gaps_of_some_stations_that_lie_close_together_become_one_call_for_all() -> None:
    gaps = ((1, 90), (3, 108), (6, 119), (8, 133), (9, 143), (7, 152))
    wants = [Want(_window(low, low + 2), (stn,)) for low, stn in gaps]
    plan = plan_calls(wants, MINUTES, PRICE, GENERAL)
    assert plan.calls_for_all == 1
    assert plan.cost.calls < len(gaps)
    apart = plan_calls([Want(_window(30 * at, 30 * at + 2), (90 + at,)) for at in range(1, 7)], MINUTES, PRICE, GENERAL)
    assert (apart.cost.calls, apart.calls_for_all) == (6, 0)


def test_what_many_stations_lack_at_once_is_asked_for_all_and_the_rest_one_by_one() -> None:
    many = Want(_window(101, 121), tuple(range(100, 150)))
    plan = plan_calls([many, Want(_window(1, 1001), (90,))], MINUTES, PRICE, GENERAL)
    assert (plan.cost.calls, plan.calls_for_all, plan.proven) == (3, 2, False)


def test_years_are_planned_with_a_call_for_each_that_is_needed() -> None:
    wants = [Want(_day(365)), *(Want(_window(day * 1440, day * 1440 + 7), (108,)) for day in range(365))]
    plan = plan_calls(wants, MINUTES, PRICE, GENERAL)
    some = plan_calls([Want(_day(365), tuple(range(100, 250)))], MINUTES, PRICE, GENERAL)
    scattered = plan_calls(
        [Want(_window(at * 200, at * 200 + 1), (100 + at % 50,)) for at in range(2000)], MINUTES, PRICE, GENERAL
    )
    assert plan.cost.calls == 52_560 + 14, "the last fortnight of the outages lies in the year after"
    assert 52_560 < some.cost.calls < 365 * 150, (
        "most days by single calls, a few for all: calls weigh as much as bytes"
    )
    assert some.calls_for_all > 0
    assert scattered.cost.calls <= 2000
