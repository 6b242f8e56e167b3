"""AWS 초상온도 (``nph-aws2_min_lst``): grass, surface and soil temperatures, every minute.

No public capture exists: the columns come from one public parser, so the name line of the answer decides
where a value stands, and the order below is the fallback.
"""

from __future__ import annotations

from datetime import timedelta

from kmaflow.catalog.datasets.aws_schedule import AWS_SCHEDULE
from kmaflow.catalog.model import AtMost, Column, Dataset, Latest, RequestForm
from kmaflow.catalog.time import MINUTE

_SOURCE = "column order of a public parser (MethodFunc/airflow_with_dag); no capture"
_MISSING = AtMost(-50.0)
_NINE_KO = "-9.x℃는 정상 온도이다"
_NINE_EN = "-9.x °C is a temperature, never a code"


def _temperature(
    name: str,
    ko: str,
    en: str,
    plausible: tuple[float, float],
    *,
    cf: str | None,
    also: tuple[str, ...] = (),
    note_ko: str = _NINE_KO,
    note_en: str = _NINE_EN,
) -> Column:
    kma = name.upper()
    return Column(
        name=name,
        kma=kma,
        ko=ko,
        en=en,
        kind="float",
        unit="degree_Celsius",
        cf=cf,
        missing=_MISSING,
        plausible=plausible,
        source=_SOURCE,
        header=(kma, *also),
        note_ko=note_ko,
        note_en=note_en,
    )


def _soil(digits: str, depth: str, plausible: tuple[float, float]) -> Column:
    return _temperature(
        f"te{digits}",
        f"{depth} 지중온도",
        f"soil temperature at {depth}",
        plausible,
        cf="soil_temperature",
        also=(f"TE_{digits}", f"TE-{digits}", f"TE{digits[0]}.{digits[1:]}"),
        note_ko=f"이름의 첫 숫자 뒤에 소수점이 있는 셈이다: TE005는 0.05 m, TE05는 0.5 m. {_NINE_KO}",
        note_en=f"read a point behind the first digit: TE005 is 0.05 m, TE05 is 0.5 m. {_NINE_EN}",
    )


def _pressure(name: str, ko: str, en: str, cf: str) -> Column:
    return Column(
        name=name,
        kma=name.upper(),
        ko=ko,
        en=en,
        kind="float",
        unit="hPa",
        cf=cf,
        missing=_MISSING,
        plausible=(500.0, 1080.0),
        source=_SOURCE,
    )


AWS_GROUND_TEMPERATURE = Dataset(
    name="aws_ground_temperature",
    ko="AWS 초상·지면·지중온도",
    en="AWS grass, surface and soil temperature",
    network="AWS",
    operation="nph-aws2_min_lst (방재기상관측(AWS) > AWS 매분자료 조회 > AWS 초상온도)",
    request=RequestForm(
        endpoint="cgi-bin/url/nph-aws2_min_lst",
        parameters={"disp": "1", "help": "0"},
        all_stations=timedelta(minutes=10),
        one_station=timedelta(days=1),
        station_list=False,
    ),
    schedule=AWS_SCHEDULE,
    turn=4,
    cadence=MINUTE,
    retention=timedelta(days=548),
    placeholders=True,
    partitioned=True,
    for_good=False,
    # ta, hm, td, pa and ps are those of aws_minute once more.
    latest=Latest(
        columns=("tg", "ts", "te005", "te01", "te02", "te03", "te05", "te10", "te15", "te30", "te50"), stamp="ground_"
    ),
    header="by_name",
    columns=(
        _temperature("ta", "기온", "air temperature", (-40.0, 60.0), cf="air_temperature"),
        Column(
            name="hm",
            kma="HM",
            ko="상대습도",
            en="relative humidity",
            kind="float",
            unit="%",
            cf="relative_humidity",
            missing=_MISSING,
            plausible=(1.0, 100.0),
            source=_SOURCE,
            header=("HM", "RH"),
        ),
        _temperature("td", "이슬점온도", "dew point temperature", (-60.0, 40.0), cf="dew_point_temperature"),
        _temperature(
            "tg",
            "초상온도",
            "temperature at grass level",
            (-50.0, 70.0),
            cf=None,
            also=("T_G", "TG_MIN"),
            note_ko=f"풀 끝 높이의 온도이며 지면온도(TS)가 아니다. {_NINE_KO}",
            note_en=f"at the tips of the grass: not the surface temperature TS. {_NINE_EN}",
        ),
        _temperature(
            "ts",
            "지면온도",
            "ground surface temperature",
            (-50.0, 80.0),
            cf="surface_temperature",
            also=("T_S",),
        ),
        _soil("005", "5 cm", (-30.0, 60.0)),
        _soil("01", "10 cm", (-30.0, 60.0)),
        _soil("02", "20 cm", (-20.0, 50.0)),
        _soil("03", "30 cm", (-20.0, 50.0)),
        _soil("05", "0.5 m", (-20.0, 40.0)),
        _soil("10", "1.0 m", (-10.0, 40.0)),
        _soil("15", "1.5 m", (-10.0, 40.0)),
        _soil("30", "3.0 m", (-10.0, 40.0)),
        _soil("50", "5.0 m", (-10.0, 40.0)),
        _pressure("pa", "현지기압", "station pressure", "surface_air_pressure"),
        _pressure("ps", "해면기압", "sea-level pressure", "air_pressure_at_mean_sea_level"),
    ),
    source="nph-aws2_min_lst: KMA API Hub documentation (parameters); a public parser (columns)",
    assumptions=(
        "the columns and their order are those of one public parser; the name line has not been seen",
        ("every value at or below -50 is missing, as in nph-aws2_min; soil and surface never get that cold in Korea"),
        "values are printed with one decimal and rows end in ',=', as in nph-aws2_min",
        "a row stamped hh:mm describes the minute that ends at hh:mm",
        (
            "an unproduced minute is answered with sentinel rows and minutes reach back 18 months, both "
            "as measured for nph-aws2_min"
        ),
        "whether AWS stations without soil sensors send sentinel rows or no rows is unknown: both are read",
    ),
    assumptions_ko=(
        "열과 순서는 공개된 한 파서를 따른 것이며, 열 이름 줄은 확인하지 못했다",
        "nph-aws2_min과 같이 -50 이하는 모두 결측이다; 우리나라의 지면·지중온도는 그만큼 내려가지 않는다",
        "nph-aws2_min과 같이 소수 첫째 자리까지 표시되고 행은 ',='로 끝난다",
        "hh:mm으로 표시된 행은 hh:mm에 끝나는 1분을 나타낸다",
        "아직 생산되지 않은 분은 결측부호 행으로 응답하고 분 자료는 18개월 전까지 있다: 둘 다 nph-aws2_min에서 확인한 것과 같다고 본다",
        "지중온도계가 없는 AWS 지점이 결측부호 행을 보내는지 행을 보내지 않는지는 알 수 없다: 둘 다 읽는다",
    ),
)
