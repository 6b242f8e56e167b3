"""A made-up hourly dataset in the form of ``awsh.php``: one stamp per request, rows of blanks."""

from __future__ import annotations

from datetime import timedelta

from kmaflow.catalog.model import Codes, Column, Dataset, Latest, Never, RequestForm, Schedule, Single
from kmaflow.catalog.time import HOUR, MINUTE

_SOURCE = "made up"

HOURLY_RAIN = Dataset(
    name="hourly_rain",
    ko="시간 강수",
    en="hourly rain",
    network="AWS",
    operation="hourly_rain",
    request=RequestForm(
        endpoint="url/hourly_rain.php",
        parameters={"var": "RN", "help": "0"},
        all_stations=HOUR,
        one_station=HOUR,
        station_list=True,
        time=Single("tm"),
        timeout=timedelta(seconds=120),
    ),
    schedule=Schedule(
        dag="kma_rain", ko="기상청 시간 강수", en="KMA hourly rain", every=HOUR, delay=30 * MINUTE, tags=("hourly",)
    ),
    cadence=HOUR,
    retention=None,
    placeholders=False,
    columns=(
        Column(
            name="rn_hr1",
            kma="RN_HR1",
            ko="시간 강수량",
            en="rain of the hour",
            kind="float",
            unit="mm",
            cf="precipitation_amount",
            missing=Codes.of(-99.0),
            plausible=(0.0, 150.0),
            source=_SOURCE,
        ),
        Column(
            name="rn_qcm",
            kma="QCM",
            ko="쓰인 관측의 수",
            en="samples used",
            kind="int",
            unit="1",
            cf=None,
            missing=Never(),
            plausible=None,
            source=_SOURCE,
            role="descriptor",
        ),
    ),
    source=_SOURCE,
    latest=Latest(stamp="rain_", prefix="rain_"),
)
