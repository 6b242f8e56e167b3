"""A made-up daily dataset in the form of ``kma_sfcdd3.php``: dates, times of day as HHMM, rows that end in a comma."""

from __future__ import annotations

from datetime import timedelta

from kmaflow.catalog.model import DATE, Codes, Column, Dataset, RequestForm, Schedule
from kmaflow.catalog.time import DAY, HOUR

_SOURCE = "made up"

DAILY_EXTREMES = Dataset(
    name="daily_extremes",
    ko="일 극값",
    en="daily extremes",
    network="SFC",
    operation="daily_extremes",
    request=RequestForm(
        endpoint="url/daily_extremes.php",
        parameters={"disp": "0", "help": "0"},
        all_stations=timedelta(days=31),
        one_station=timedelta(days=31),
        station_list=True,
    ),
    schedule=Schedule(dag="kma_daily", ko="기상청 일자료", en="KMA daily data", every=DAY, delay=6 * HOUR),
    cadence=DAY,
    retention=None,
    placeholders=False,
    columns=(
        Column(
            name="ta_max",
            kma="TA_MAX",
            ko="최고기온",
            en="highest air temperature of the day",
            kind="float",
            unit="degree_Celsius",
            cf="air_temperature",
            missing=Codes.of(-99.0),
            plausible=(-40.0, 45.0),
            source=_SOURCE,
        ),
        Column(
            name="ta_max_tm",
            kma="TA_MAX_TM",
            ko="최고기온 시각",
            en="time of the highest air temperature",
            kind="int",
            unit="HHMM",
            cf=None,
            missing=Codes.of(-9.0),
            plausible=(0.0, 2359.0),
            source=_SOURCE,
            note_ko="앞의 0이 없다: 52는 00:52",
            note_en="without leading zeros: 52 is 00:52",
        ),
    ),
    source=_SOURCE,
    stamp=DATE,
    row_end=",",
    young=DAY,
)
