"""The data as they were known at a moment: for every moment what a plain store in Python knew, whatever the order of loading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmaflow.catalog.time import DAY, MINUTE, Window
from kmaflow.read import read
from kmaflow.store import Store

from ..databases import database
from ..store.bodies import WITNESS, load, minute_body

_DAYS = count()
EXAMPLES = 60
_MINUTES = 3
_STATIONS = (90, 108)
Values = dict[str, float]
#: What an answer says of a cell: nothing, sentinels, or some of three values.
_VALUES: st.SearchStrategy[Values | None] = st.one_of(
    st.none(),
    st.just({}),
    st.dictionaries(st.sampled_from(["ta", "hm", "rn_day"]), st.sampled_from([1.0, -9.3, 0.1]), min_size=1),
)
_CELLS = [(minute, stn) for minute in range(1, _MINUTES + 1) for stn in _STATIONS]


class Answer:
    """One answer of the hub: window, station asked, stations stored, and what it says of each cell."""

    def __init__(
        self, span: tuple[int, int], asked: int, stored: tuple[int, ...], cells: dict[tuple[int, int], Values | None]
    ) -> None:
        self.span, self.asked, self.stored = span, asked, stored
        self.cells = {
            (minute, stn): values
            for (minute, stn), values in cells.items()
            if span[0] < minute <= span[1]
            and asked in (0, stn)
            and (not stored or stn in stored)
            and values is not None
        }

    def __repr__(self) -> str:
        return f"Answer({self.span}, {self.asked}, {self.stored}, {self.cells})"


_ANSWERS = st.builds(
    Answer,
    st.sampled_from([(0, 3), (0, 3), (0, 2), (1, 3), (1, 2)]),
    st.sampled_from([0, 0, 0, 0, 90]),
    st.sampled_from([(), (), (), (108,)]),
    st.fixed_dictionaries(dict.fromkeys(_CELLS, _VALUES)),
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with database("sqlite", tmp_path_factory.mktemp("known")) as url, Store(url) as opened:
        opened.ensure("aws_minute")
        yield opened


def put(store: Store, midnight: datetime, answer: Answer, second: float) -> None:
    window = Window(midnight + answer.span[0] * MINUTE, midnight + answer.span[1] * MINUTE)
    cells = {(midnight + minute * MINUTE, stn): values for (minute, stn), values in answer.cells.items()}
    witnesses: dict[tuple[datetime, int], Values] = {}
    if not answer.asked:
        witnesses = {(stamp, WITNESS): {"ta": 0.0} for stamp in window.stamps(MINUTE)}
    load(
        store,
        minute_body({**cells, **witnesses}, witness=False),
        midnight + DAY + timedelta(seconds=second),
        window=window,
        stn=answer.asked,
        selection=",".join(map(str, answer.stored)) or "all",
    )


def known(answers: list[Answer]) -> dict[tuple[int, int], Values]:
    """Of each cell the youngest row with values; else a blank one; else none."""
    table: dict[tuple[int, int], Values] = {}
    for answer in answers:
        for cell, values in answer.cells.items():
            if values or cell not in table:
                table[cell] = values
    return table


def told(store: Store, midnight: datetime, as_of: datetime | None) -> dict[tuple[int, int], Values]:
    window = Window(midnight, midnight + _MINUTES * MINUTE)
    frame = read(store, "aws_minute", window, stations=_STATIONS, columns=["ta", "hm", "rn_day"], as_of=as_of)
    return {
        ((tm - midnight) // MINUTE, stn): {
            name: value for name, value in zip(("ta", "hm", "rn_day"), values, strict=True) if value is not None
        }
        for tm, stn, *values in frame.iter_rows()
    }


#: The same bytes may come again: some of three answers for one window.
_REPEATED = st.lists(
    st.fixed_dictionaries(dict.fromkeys(_CELLS, _VALUES)), min_size=2, max_size=3
).flatmap(lambda pool: st.lists(st.sampled_from(pool), min_size=3, max_size=6)).map(
    lambda chosen: [Answer((0, _MINUTES), 0, (), cells) for cells in chosen]
)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data(), answers=st.one_of(st.lists(_ANSWERS, min_size=2, max_size=6), _REPEATED))
def test_every_moment_is_told_as_a_plain_store_knew_it(
    lasting: Store, data: st.DataObject, answers: list[Answer]
) -> None:
    midnight = datetime(2020, 1, 1) + next(_DAYS) * DAY
    order = data.draw(st.permutations(range(len(answers))))
    for index in order:
        put(lasting, midnight, answers[index], index)
    for until in range(len(answers) + 1):
        expected = known(answers[:until])
        moment = midnight + DAY + timedelta(seconds=until - 1)
        found = told(lasting, midnight, moment)
        valued = {cell: values for cell, values in found.items() if values}
        assert valued == {cell: values for cell, values in expected.items() if values}, (until, order)
        blanks = {cell for cell, values in found.items() if not values}
        assert blanks <= {cell for cell, values in expected.items() if not values}
    assert found == expected == told(lasting, midnight, None)
