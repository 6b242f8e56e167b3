"""ASOS 시간자료 (``kma_sfctm3``): the full surface observation of about 97 manned stations, every hour."""

from __future__ import annotations

from datetime import timedelta

from kmaflow.catalog.datasets.asos_hourly_columns import COLUMNS
from kmaflow.catalog.model import Dataset, Latest, RequestForm, Schedule
from kmaflow.catalog.time import HOUR, MINUTE

ASOS_HOURLY = Dataset(
    name="asos_hourly",
    ko="ASOS 시간자료",
    en="ASOS hourly data",
    network="SFC",
    operation="kma_sfctm3 (종관기상관측(ASOS) > 지상 관측자료 조회 > 시간자료(기간 조회))",
    request=RequestForm(
        endpoint="url/kma_sfctm3.php",
        parameters={"help": "0"},
        all_stations=timedelta(days=30),
        one_station=timedelta(days=30),
        station_list=True,
    ),
    schedule=Schedule(
        dag="kma_asos",
        ko="기상청 종관기상관측 ASOS",
        en="KMA synoptic stations (ASOS)",
        every=HOUR,
        delay=20 * MINUTE,
        tags=("asos", "hourly", "종관기상관측"),
    ),
    cadence=HOUR,
    retention=None,
    placeholders=False,
    latest=Latest(
        columns=tuple(
            "wd ws gst_wd gst_ws pa ps ta td hm rn rn_day ir sd_tot wc ww ca_tot ch_min vs ss si ts".split()  # noqa: SIM905
        ),
        stamp="asos_",
        prefix="asos_",
        words={
            "wd": ("풍향, 무풍은 asos_ws = 0", "wind direction, calm is asos_ws = 0"),
            "gst_wd": ("돌풍향", "gust direction"),
            "ch_min": ("최저운고", "height of the lowest cloud base"),
            "vs": ("시정", "visibility"),
        },
    ),
    columns=COLUMNS,
    source="kma_sfctm3: KMA API Hub documentation; capture of kma_sfctm2, all stations, 2022-11-30 09:00",
    assumptions=(
        "kma_sfctm3 prints the rows of kma_sfctm2: only the latter was captured",
        "the documentation allows 31 days in one call; 30 is what works in practice",
        "a missing TA is -99.0 (one row), and so are a missing TD and TS (by analogy)",
        "rows up to 2021 have 45 columns: RN_JUN is the one that lacks",
        "codes follow the WMO tables that the help text names; those of ww, st_gd and st_sea are not public",
        "labels are KST (+09:00) for all years; years before 1988 are unproven",
    ),
    assumptions_ko=(
        "kma_sfctm3의 행은 kma_sfctm2와 같다: 응답을 확보한 것은 kma_sfctm2뿐이다",
        "문서는 한 번에 31일까지 허용하지만 실제로는 30일까지 된다",
        "TA의 결측은 -99.0이며(한 행에서 확인) TD와 TS도 같다고 본다",
        "2021년까지의 행은 45열이다: 없는 열은 RN_JUN이다",
        "코드는 도움말이 말하는 WMO 코드표를 따른다; ww, st_gd, st_sea의 코드표는 공개되어 있지 않다",
        "시각은 모든 해에 한국시각(+09:00)이다; 1988년 이전은 확인되지 않았다",
    ),
    notes_ko=(
        "머리줄의 이름이 겹친다(GST, RN, SD, CA, CT, TE): 이름이 아니라 위치로 읽는다",
        "00시 행은 전날의 마지막 시각이며 일강수량 등은 전날의 합계다",
        "지점의 이전과 번호 변경(강릉 105, 북강릉 104)은 시계열을 끊는다",
    ),
    notes_en=(
        "names repeat in the name line (GST, RN, SD, CA, CT, TE): columns are read by position",
        "the row of 00:00 ends the day before and holds its totals",
        "stations move and are renumbered (강릉 105, 북강릉 104): series break there",
    ),
)
