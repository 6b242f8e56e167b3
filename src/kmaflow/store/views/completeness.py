"""``v_completeness``: how much of each hour is there, for every dataset and station that has a row in it."""

from __future__ import annotations

from kmaflow.catalog import DATASETS
from kmaflow.store.engines.words import Words
from kmaflow.store.schema.service import COMPLETENESS_HOUR
from kmaflow.store.views.definition import View, ViewColumn


def completeness_view(words: Words) -> View:
    """One row for each row of ``completeness_hour``. An hour of which a station has no row at all is not among them: ``kmaflow gaps`` knows those."""
    stamps = " ".join(
        f"WHEN '{name}' THEN {described.completeness // described.cadence}" for name, described in DATASETS.items()
    )
    expected = f"CASE h.dataset {stamps} ELSE 60 END"
    return View(
        name="v_completeness",
        comment="시간별 채워진 정도 / how much of each hour is there",
        needs=frozenset({COMPLETENESS_HOUR.name}),
        columns=(
            ViewColumn("dataset", "h.dataset", "자료 / dataset [1]"),
            ViewColumn("hour_kst", "h.hour_kst", "시간 구간의 끝 / end of the hour (hour-1, hour] [KST]"),
            ViewColumn("tm_utc", words.utc("h.hour_kst"), "시간 구간의 끝 / end of the hour [UTC]"),
            ViewColumn("stn", "h.stn", "지점번호 / station number [1]"),
            ViewColumn("present", "h.present", "값이 있는 행 수 / rows with at least one value [1]"),
            ViewColumn("blank", "h.blank", "결측부호뿐인 행 수 / rows of missing codes only [1]"),
            ViewColumn("expected", expected, "한 시간의 관측시각 수 / stamps of an hour [1]"),
            ViewColumn(
                "share",
                f"{words.real('h.present')} / {expected}",
                "값이 있는 비율, present ÷ expected / share with values [1]",
            ),
        ),
        source="completeness_hour h",
    )
