"""AWS2 현천자료 (``nph-aws2_min_ww1``): the present-weather codes of each minute.

Asked with ``itv=1&range=1``: one row per station and minute, with the codes of that minute alone. Rows have a
variable length: six fixed columns, then one pair of code and count for each distinct code. No public capture
exists.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kmaflow.catalog.datasets.aws_position import LAT, LON
from kmaflow.catalog.datasets.aws_schedule import AWS_SCHEDULE
from kmaflow.catalog.model import AtMost, Column, Dataset, Latest, RequestForm
from kmaflow.catalog.time import MINUTE

_SOURCE = "public parsers of nph-aws2_min_ww1 rows; no capture"
_MISSING = AtMost(-50.0)

AWS_PRESENT_WEATHER = Dataset(
    name="aws_present_weather",
    ko="AWS 현천",
    en="AWS present weather",
    network="AWS",
    operation="nph-aws2_min_ww1 (방재기상관측(AWS) > AWS 매분자료 조회 > AWS2 현천자료)",
    request=RequestForm(
        endpoint="cgi-bin/url/nph-aws2_min_ww1",
        parameters={"itv": "1", "range": "1", "disp": "1", "help": "0"},
        all_stations=timedelta(minutes=10),
        one_station=timedelta(days=1),
        station_list=False,
    ),
    schedule=AWS_SCHEDULE,
    turn=5,
    cadence=MINUTE,
    retention=timedelta(days=548),
    placeholders=True,
    partitioned=True,
    for_good=False,
    latest=Latest(columns=("ww1", "nn1"), stamp="weather_", prefix="weather_"),
    layout="pairs",
    header="by_name",
    columns=(
        replace(LON, source=_SOURCE, unit_header=None),
        replace(LAT, source=_SOURCE, unit_header=None),
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
            source=_SOURCE,
            role="descriptor",
        ),
        Column(
            name="n",
            kma="N",
            ko="뒤따르는 현천코드의 수",
            en="number of distinct codes that follow",
            kind="int",
            unit="1",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 1.0),
            source=_SOURCE,
            role="descriptor",
            note_ko="0 이하이면 코드가 없다: ww1, nn1은 NULL",
            note_en="no code follows where it is 0 or less: ww1 and nn1 are NULL then",
        ),
    ),
    pair_columns=(
        Column(
            name="ww1",
            kma="WW",
            ko="첫째 현천코드",
            en="first present-weather code",
            kind="int",
            unit="1",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 99.0),
            source=_SOURCE,
            header=("WW", "WW1", "WW_1"),
            note_ko="aws_visibility의 ww1과 같은 코드표(WMO 4680)로 본다. ASOS의 wc(4677)·ww와 섞지 않는다",
            note_en=("taken to follow WMO 4680, as ww1 of aws_visibility; never mix with wc (4677) or ww of ASOS"),
        ),
        Column(
            name="nn1",
            kma="NN",
            ko="첫째 현천코드가 나타난 분 수",
            en="minutes with the first code",
            kind="int",
            unit="1",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 1.0),
            source=_SOURCE,
            header=("NN", "NN1", "NN_1"),
            role="descriptor",
            note_ko="range=1로 묻기 때문에 1이다",
            note_en="1, since the hub is asked with range=1",
        ),
    ),
    pair_table="aws_present_weather_code",
    source="nph-aws2_min_ww1: KMA API Hub documentation (parameters); public parsers (rows)",
    assumptions=(
        ("a row is TM, STN, LON, LAT, S, N and N pairs of code and minutes; a trailing '=' or empty field may follow"),
        ("with itv=1 and range=1 there is at most one pair; further pairs are kept in aws_present_weather_code"),
        "disp=1 is accepted though the documentation does not name it for this operation",
        "every value at or below -50 is missing, as in nph-aws2_min_vis",
        "the codes are those of nph-aws2_min_vis (WMO 4680)",
        "latency is that of nph-aws2_min; one user waits 10 minutes, so late minutes are asked again",
        (
            "an unproduced minute is answered with sentinel rows and minutes reach back 18 months, both "
            "as measured for nph-aws2_min"
        ),
    ),
    assumptions_ko=(
        "행은 TM, STN, LON, LAT, S, N과 코드·분 수 N쌍이며 끝에 '='이나 빈 필드가 올 수 있다",
        "itv=1, range=1이면 많아야 한 쌍이다; 그 이상은 aws_present_weather_code에 저장한다",
        "문서의 이 API에는 없지만 disp=1을 받는다",
        "nph-aws2_min_vis와 같이 -50 이하는 모두 결측이다",
        "코드는 nph-aws2_min_vis와 같은 WMO 4680이다",
        "제공 시각은 nph-aws2_min과 같다고 본다; 10분을 기다리는 사용자도 있어, 늦은 분은 다시 요청한다",
        "아직 생산되지 않은 분은 결측부호 행으로 응답하고 분 자료는 18개월 전까지 있다: 둘 다 nph-aws2_min에서 확인한 것과 같다고 본다",
    ),
)
