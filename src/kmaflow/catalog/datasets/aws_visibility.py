"""AWS2 시정자료 (``nph-aws2_min_vis``): visibility and present weather at about 275 stations."""

from __future__ import annotations

from datetime import timedelta

from kmaflow.catalog.datasets.aws_position import LAT, LON
from kmaflow.catalog.datasets.aws_schedule import AWS_SCHEDULE
from kmaflow.catalog.model import AtMost, Column, Dataset, Latest, RequestForm
from kmaflow.catalog.time import MINUTE

_HELP = "help=1 text of nph-aws2_min_vis (captures 2024-10…12)"
_MISSING = AtMost(-50.0)

AWS_VISIBILITY = Dataset(
    name="aws_visibility",
    ko="AWS 시정·현천",
    en="AWS visibility and present weather",
    network="AWS",
    operation="nph-aws2_min_vis (방재기상관측(AWS) > AWS 매분자료 조회 > AWS2 시정자료)",
    request=RequestForm(
        endpoint="cgi-bin/url/nph-aws2_min_vis",
        parameters={"disp": "1", "help": "0"},
        all_stations=timedelta(minutes=10),
        one_station=timedelta(days=1),
        station_list=False,
    ),
    schedule=AWS_SCHEDULE,
    turn=3,
    cadence=MINUTE,
    retention=timedelta(days=548),
    placeholders=True,
    partitioned=True,
    for_good=False,
    latest=Latest(
        columns=("vis1", "vis10", "ww1", "ww15"),
        stamp="vis_",
        words={"vis1": ("1분 평균 시정, 50000 = 50 km 이상", "1-minute mean visibility, 50000 = 50 km or more")},
    ),
    columns=(
        LON,
        LAT,
        Column(
            name="s",
            kma="S",
            ko="장비구분 (1 안개관측망, 2 첨단화장비)",
            en="kind of instrument (1 fog network, 2 upgraded)",
            kind="int",
            unit="1",
            cf=None,
            missing=_MISSING,
            plausible=(1.0, 2.0),
            source=_HELP,
            unit_header="",
            role="descriptor",
        ),
        Column(
            name="vis1",
            kma="VIS1",
            ko="1분 평균 시정",
            en="1-minute mean visibility",
            kind="int",
            unit="m",
            cf="visibility_in_air",
            missing=_MISSING,
            plausible=(0.0, 60000.0),
            source=_HELP,
            unit_header="m",
            note_ko="50000은 '50 km 이상'인 상한이다(2,458행 중 486행). 20000도 상한으로 보인다(38행)",
            note_en=("50000 is a ceiling: 50 km or more (486 of 2,458 rows); 20000 looks like another one (38 rows)"),
        ),
        Column(
            name="vis10",
            kma="VIS10",
            ko="10분 평균 시정",
            en="10-minute mean visibility",
            kind="int",
            unit="m",
            cf="visibility_in_air",
            missing=_MISSING,
            plausible=(0.0, 60000.0),
            source=_HELP,
            unit_header="m",
            note_ko="안개관측망에만 있다고 하나 캡처한 모든 행이 -999다",
            note_en="said to exist in the fog network only; -999 in every captured row",
        ),
        Column(
            name="ww1",
            kma="WW1",
            ko="1분 순간 현천 (코드)",
            en="present weather of the minute (code)",
            kind="int",
            unit="1",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 99.0),
            source=_HELP,
            unit_header="",
            note_ko=(
                "WMO 4680(자동관측)을 따른다: 0~2 맑음, 4 연무, 10 박무, 30 안개, 40~42 비, 50~59 "
                "안개비, 60~68 비, 71~76 눈. ASOS의 wc(4677)·ww와 섞지 않는다. 결측 코드는 -999와 "
                "-997"
            ),
            note_en=(
                "follows WMO 4680 (automatic stations): 0–2 clear, 4 haze, 10 mist, 30 fog, 40–42 "
                "rain, 50–59 drizzle, 60–68 rain, 71–76 snow; never mix with wc (4677) or ww of "
                "ASOS; missing is -999 or -997"
            ),
        ),
        Column(
            name="ww15",
            kma="WW15",
            ko="15분 평균 현천 (코드)",
            en="present weather of the last 15 minutes (code)",
            kind="int",
            unit="1",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 99.0),
            source=_HELP,
            unit_header="",
            note_ko="안개관측망에만 있다고 하나 캡처한 모든 행이 -999다",
            note_en="said to exist in the fog network only; -999 in every captured row",
        ),
    ),
    source="nph-aws2_min_vis: KMA API Hub documentation; captures of 2024-10-24 … 2024-12-15",
    assumptions=(
        "a row stamped hh:mm describes the minute that ends at hh:mm",
        "the codes follow WMO 4680: KMA prints only the groups of its help text",
        (
            "an unproduced minute is answered with sentinel rows and minutes reach back 18 months, both "
            "as measured for nph-aws2_min"
        ),
    ),
    assumptions_ko=(
        "hh:mm으로 표시된 행은 hh:mm에 끝나는 1분을 나타낸다",
        "코드는 WMO 4680을 따른다: 기상청 도움말에는 묶음만 있다",
        "아직 생산되지 않은 분은 결측부호 행으로 응답하고 분 자료는 18개월 전까지 있다: 둘 다 nph-aws2_min에서 확인한 것과 같다고 본다",
    ),
    notes_ko=("시정계가 있는 지점(269~276곳)만 나온다",),
    notes_en=("only the 269–276 stations with a visibility meter appear",),
)
