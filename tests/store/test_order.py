"""Whatever the order of loading, the table is that of the order of fetching (design.md §7, §8a)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmaflow.catalog.time import DAY, MINUTE, Window
from kmaflow.store import Store

from ..databases import ENGINES, database
from .bodies import WITNESS, load, minute_body, rows

_DAYS = count()
#: What an answer says of a cell: nothing (absent), sentinels (blank), or temperature with or without humidity.
_VALUES: st.SearchStrategy[dict[str, float] | None] = st.one_of(
    st.none(),
    st.just({}),
    st.builds(
        lambda ta, hm: {"ta": ta} | ({} if hm is None else {"hm": hm}),
        st.sampled_from([1.0, -9.3, 3.0]),
        st.sampled_from([None, 50.0]),
    ),
)
_CELLS = [(minute, stn) for minute in (1, 2) for stn in (90,)]
_ANSWERS = st.tuples(st.sampled_from([(0, 2), (0, 1), (1, 2)]), st.fixed_dictionaries(dict.fromkeys(_CELLS, _VALUES)))


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with database(request.param, tmp_path_factory.mktemp("order")) as url, Store(url) as opened:
        opened.ensure("aws_minute")
        yield opened


def _expected(
    answers: list[tuple[tuple[int, int], dict[tuple[int, int], dict[str, float] | None]]],
) -> dict[tuple[int, int], dict[str, float]]:
    """Of each cell the youngest row with values; else a blank one; else none."""
    table: dict[tuple[int, int], dict[str, float]] = {}
    for (start, end), cells in answers:
        for cell, values in cells.items():
            if start < cell[0] <= end and values is not None and (values or cell not in table):
                table[cell] = values
    return table


def test_any_order_of_loading_gives_the_same_table(store: Store) -> None:
    """What is written is decided alike for all engines (`store/load.py`), so one of them sees all examples."""
    examples = 100 if store.engine.dialect.name == "sqlite" else 25
    slow = [HealthCheck.too_slow]
    given(data=st.data(), answers=st.lists(_ANSWERS, min_size=3, max_size=5))(
        settings(max_examples=examples, deadline=None, suppress_health_check=slow, derandomize=True)(
            lambda data, answers: _in_any_order(store, data, answers)
        )
    )()


def _in_any_order(
    store: Store,
    data: st.DataObject,
    answers: list[tuple[tuple[int, int], dict[tuple[int, int], dict[str, float] | None]]],
) -> None:
    order = data.draw(st.permutations(range(len(answers))))
    again = data.draw(st.sampled_from(range(len(answers))))
    midnight = datetime(2020, 1, 1) + next(_DAYS) * DAY

    def put(index: int) -> None:
        (start, end), cells = answers[index]
        window = Window(midnight + start * MINUTE, midnight + end * MINUTE)
        said = {
            (midnight + minute * MINUTE, stn): values
            for (minute, stn), values in cells.items()
            if start < minute <= end and values is not None
        }
        witnesses = {(midnight + minute * MINUTE, WITNESS): {"ta": 0.0} for minute in range(start + 1, end + 1)}
        load(
            store,
            minute_body({**said, **witnesses}, witness=False),
            midnight + timedelta(hours=1, seconds=index),
            window=window,
        )

    def seen(table: str) -> list[tuple[object, ...]]:
        what = "tm_kst, stn, ta, hm" if table == "aws_minute" else "*"
        return rows(
            store,
            f"SELECT {what} FROM {table} WHERE tm_kst BETWEEN ? AND ? AND stn <> {WITNESS} ORDER BY 1, 2",
            str(midnight),
            str(midnight + DAY),
        )

    for index in order:
        put(index)
    expected = [
        (str(midnight + minute * MINUTE), stn, values.get("ta"), values.get("hm"))
        for (minute, stn), values in sorted(_expected(answers).items())
    ]
    assert seen("aws_minute") == expected
    counted = rows(
        store,
        f"SELECT stn, COUNT(ta), COUNT(*) - COUNT(ta) FROM aws_minute WHERE tm_kst BETWEEN ? AND ? AND stn <> {WITNESS} GROUP BY stn ORDER BY stn",
        str(midnight),
        str(midnight + DAY),
    )
    hours = rows(
        store,
        f"SELECT stn, present, blank FROM completeness_hour WHERE hour_kst BETWEEN ? AND ? AND stn <> {WITNESS} ORDER BY stn",
        str(midnight),
        str(midnight + DAY),
    )
    assert hours == counted
    corrections = seen("revision")
    put(again)
    assert seen("aws_minute") == expected
    assert seen("revision") == corrections
