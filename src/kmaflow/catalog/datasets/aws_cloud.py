"""AWS 운고운량 (``nph-aws2_min_cloud``): cloud bases and amount above about 95 ceilometers, each minute."""

from __future__ import annotations

from datetime import timedelta

from kmaflow.catalog.datasets.aws_position import LAT, LON
from kmaflow.catalog.datasets.aws_schedule import AWS_SCHEDULE
from kmaflow.catalog.model import AtMost, Column, Dataset, Latest, RequestForm
from kmaflow.catalog.time import MINUTE

_HELP = "help=1 text of nph-aws2_min_cloud (captures 2024-10…12)"
_MISSING = AtMost(-50.0)

AWS_CLOUD = Dataset(
    name="aws_cloud",
    ko="AWS 운고운량",
    en="AWS cloud base and cloud amount",
    network="AWS",
    operation="nph-aws2_min_cloud (방재기상관측(AWS) > AWS 매분자료 조회 > AWS 운고 운량)",
    request=RequestForm(
        endpoint="cgi-bin/url/nph-aws2_min_cloud",
        parameters={"disp": "1", "help": "0"},
        all_stations=timedelta(minutes=10),
        one_station=timedelta(days=1),
        station_list=False,
    ),
    schedule=AWS_SCHEDULE,
    turn=2,
    cadence=MINUTE,
    retention=timedelta(days=548),
    placeholders=True,
    partitioned=True,
    for_good=False,
    latest=Latest(
        columns=("ch_low", "ch_mid", "ch_top", "ca_tot"),
        stamp="cloud_",
        words={
            "ch_low": (
                "하층 운고, 7620 = 그 아래 구름 없음",
                "base of the lowest cloud layer, 7620 = nothing below that",
            ),
            "ch_mid": ("중층 운고, 7620 = 없음", "base of the second cloud layer, 7620 = none"),
            "ch_top": ("상층 운고(밑면), 7620 = 없음", "base of the third cloud layer, 7620 = none"),
            "ca_tot": ("전운량, 9 = 하늘을 볼 수 없음(운량이 아님)", "total cloud amount, 9 = sky obscured: no amount"),
        },
    ),
    columns=(
        LON,
        LAT,
        Column(
            name="ch_low",
            kma="CH_LOW",
            ko="하층 운고",
            en="base of the lowest cloud layer above ground",
            kind="int",
            unit="m",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 7620.0),
            source=_HELP,
            unit_header="m",
            note_ko=(
                "7620은 '7620 m 아래에 구름 없음'이라는 부호다: 평균하지 않는다. 결측 코드는 -991, 7955도 한 번 있었다"
            ),
            note_en=(
                "7620 is the code for 'nothing detected below 7620 m': never average it; missing "
                "is -991; 7955 was seen once"
            ),
        ),
        Column(
            name="ch_mid",
            kma="CH_MID",
            ko="중층 운고",
            en="base of the second cloud layer above ground",
            kind="int",
            unit="m",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 7620.0),
            source=_HELP,
            unit_header="m",
            note_ko="7620은 구름 없음: 평균하지 않는다",
            note_en="7620 means no such layer: never average it",
        ),
        Column(
            name="ch_top",
            kma="CH_TOP",
            ko="상층 운고",
            en="base of the third cloud layer above ground",
            kind="int",
            unit="m",
            cf=None,
            missing=_MISSING,
            plausible=(0.0, 7620.0),
            source=_HELP,
            unit_header="m",
            note_ko=("7620은 구름 없음: 평균하지 않는다. 이름은 TOP이지만 구름 꼭대기가 아니라 셋째 층의 밑면이다"),
            note_en=("7620 means no such layer: never average it; despite its name a base, not the top of a cloud"),
        ),
        Column(
            name="ca_tot",
            kma="CA_TOT",
            ko="전운량",
            en="total cloud amount",
            kind="float",
            unit="1/8",
            cf="cloud_area_fraction",
            missing=_MISSING,
            plausible=(0.0, 9.0),
            source=_HELP,
            unit_header="1/8",
            note_ko=(
                "도움말은 %라고 하나 단위줄과 값은 8분위다. 9는 운량이 아니라 하늘을 볼 수 "
                "없음이다. 결측 코드는 -992.0. CH_LOW가 7620이어도 운량이 있을 수 있다(856행 중 "
                "120행)"
            ),
            note_en=(
                "the help text says %, the unit line and the values say eighths; 9 is no amount "
                "(sky obscured); missing is -992.0; amounts above 0 occur with CH_LOW 7620 (120 "
                "of 856 rows)"
            ),
        ),
    ),
    source="nph-aws2_min_cloud: KMA API Hub documentation; captures of 2024-10-24 … 2024-12-15",
    assumptions=(
        "a row stamped hh:mm describes the minute that ends at hh:mm",
        "CA_TOT 9 means sky obscured, as in WMO code 2700: KMA does not say",
        "CH_TOP is the base of a third layer: KMA says 상층 운고 only",
        (
            "an unproduced minute is answered with sentinel rows and minutes reach back 18 months, both "
            "as measured for nph-aws2_min"
        ),
    ),
    assumptions_ko=(
        "hh:mm으로 표시된 행은 hh:mm에 끝나는 1분을 나타낸다",
        "CA_TOT 9는 WMO 코드 2700처럼 하늘을 볼 수 없음을 뜻한다: 기상청 설명은 없다",
        "CH_TOP은 셋째 층의 밑면이다: 기상청 설명은 '상층 운고'뿐이다",
        "아직 생산되지 않은 분은 결측부호 행으로 응답하고 분 자료는 18개월 전까지 있다: 둘 다 nph-aws2_min에서 확인한 것과 같다고 본다",
    ),
    notes_ko=("운고계가 있는 지점(93~96곳)만 나오며, 어떤 분에는 한 지점이 빠지기도 한다",),
    notes_en=("only the 93–96 stations with a ceilometer appear, and one may be absent for a minute",),
)
