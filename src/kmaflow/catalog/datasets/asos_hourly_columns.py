"""The 44 columns of the ASOS hour (``kma_sfctm2``, ``kma_sfctm3``), in the printed order.

Names in the answer are not unique (GST GST GST, RN RN RN RN, …): only the name line and the line below it
together tell a column, so both are held here. Missing is -9 where -9 cannot be measured, -99.0 where it can.
"""

from __future__ import annotations

from kmaflow.catalog.model import Codes, Column, Dash, Kind, Missing

_SOURCE = "help=1 text of kma_sfctm3 (retyped); name lines and rows: capture of kma_sfctm2, 2022-11-30 09:00"
_NINE = Codes.of(-9.0)
_NINETY_NINE = Codes.of(-99.0)
_COLD_KO = "-9.0℃는 정상 온도이다: 결측은 -99.0뿐이다"
_COLD_EN = "-9.0 °C is a temperature: only -99.0 is missing"


def _column(
    name: str,
    ko: str,
    en: str,
    kind: Kind,
    unit: str,
    printed: tuple[str, str],
    plausible: tuple[float, float] | None,
    *,
    cf: str | None = None,
    missing: Missing = _NINE,
    since: int | None = None,
    note_ko: str = "",
    note_en: str = "",
) -> Column:
    """A column whose name and second line are ``printed``; KMA's full name is ours in capitals."""
    head, second = printed
    return Column(
        name=name,
        kma=name.upper(),
        ko=ko,
        en=en,
        kind=kind,
        unit=unit,
        cf=cf,
        missing=missing,
        plausible=plausible,
        source=_SOURCE,
        header=(head,),
        unit_header=second,
        since=since,
        note_ko=note_ko,
        note_en=note_en,
    )


def _temperature(
    name: str,
    ko: str,
    en: str,
    printed: tuple[str, str],
    plausible: tuple[float, float],
    cf: str,
    more: tuple[str, str] = ("", ""),
) -> Column:
    return _column(
        name,
        ko,
        en,
        "float",
        "degree_Celsius",
        printed,
        plausible,
        cf=cf,
        missing=_NINETY_NINE,
        note_ko=_COLD_KO + more[0],
        note_en=_COLD_EN + more[1],
    )


_WIND_AND_PRESSURE = (
    _column(
        "wd",
        "풍향 (10° 단위, 0~36)",
        "wind direction in tens of degrees, 0–36",
        "int",
        "10 degree",
        ("WD", "16"),
        (0, 36),
        cf="wind_from_direction",
        note_ko="'16방위'라 적혀 있으나 10° 단위다: 36은 북, 0은 정온. 무풍의 기준은 WS = 0이다",
        note_en="called '16 directions' but in tens of degrees: 36 is north, 0 calm; calm is WS = 0",
    ),
    _column("ws", "풍속", "wind speed", "float", "m s-1", ("WS", "m/s"), (0.0, 75.0), cf="wind_speed"),
    _column(
        "gst_wd",
        "돌풍향 (10° 단위)",
        "gust direction in tens of degrees",
        "int",
        "10 degree",
        ("GST", "WD"),
        (0, 36),
        cf="wind_gust_from_direction",
        note_ko="대부분 결측이다(31,532행 중 30,370행)",
        note_en="mostly missing (30,370 of 31,532 rows)",
    ),
    _column(
        "gst_ws",
        "돌풍속",
        "gust speed",
        "float",
        "m s-1",
        ("GST", "WS"),
        (0.0, 100.0),
        cf="wind_speed_of_gust",
    ),
    _column(
        "gst_tm",
        "돌풍속이 관측된 시각 (시분)",
        "time of the gust as hours and minutes",
        "int",
        "1",
        ("GST", "TM"),
        (0, 2359),
        note_ko=("앞자리 0이 없는 HHMM이다: 312는 03:12. 그 시간 안이라는 보장이 없다(09시 행의 시각은 03:05~08:57)"),
        note_en=(
            "HHMM without leading zeros: 312 is 03:12; not always within the hour (the rows of 09:00 name 03:05–08:57)"
        ),
    ),
    _column(
        "pa",
        "현지기압",
        "station pressure",
        "float",
        "hPa",
        ("PA", "hPa"),
        (500.0, 1080.0),
        cf="surface_air_pressure",
    ),
    _column(
        "ps",
        "해면기압",
        "sea-level pressure",
        "float",
        "hPa",
        ("PS", "hPa"),
        (500.0, 1080.0),
        cf="air_pressure_at_mean_sea_level",
    ),
    _column(
        "pt",
        "기압변화경향 (Code 0200)",
        "pressure tendency (WMO code 0200)",
        "int",
        "1",
        ("PT", "-"),
        (0, 8),
        note_ko="3시간마다 있다",
        note_en="every third hour only",
    ),
    _column(
        "pr",
        "기압변화량 (3시간)",
        "pressure change of three hours",
        "float",
        "hPa",
        ("PR", "hPa"),
        (-50.0, 50.0),
        note_ko=(
            "-9.0은 사실상 언제나 결측이나 드물게 실제 변화량일 수 있다. 부호가 있는 행과 없는 "
            "행이 있다: PT와 함께 읽는다"
        ),
        note_en=(
            "-9.0 is practically always missing, though such a fall can occur; signed in some "
            "rows, absolute in others: read it with PT"
        ),
    ),
)

_AIR = (
    _temperature("ta", "기온", "air temperature", ("TA", "C"), (-40.0, 60.0), "air_temperature"),
    _temperature("td", "이슬점온도", "dew point temperature", ("TD", "C"), (-60.0, 40.0), "dew_point_temperature"),
    _column("hm", "상대습도", "relative humidity", "float", "%", ("HM", "%"), (1.0, 100.0), cf="relative_humidity"),
    _column(
        "pv",
        "수증기압",
        "water vapour pressure",
        "float",
        "hPa",
        ("PV", "hPa"),
        (0.0, 70.0),
        cf="water_vapor_partial_pressure_in_air",
    ),
)

_RAIN_AND_SNOW = (
    _column(
        "rn",
        "강수량 (여름철 1시간, 겨울철 3시간)",
        "precipitation: of one hour in summer, of three hours in winter",
        "float",
        "mm",
        ("RN", "mm"),
        (0.0, 500.0),
        cf="lwe_thickness_of_precipitation_amount",
        note_ko=(
            "4~10월은 1시간, 11~3월은 3시간 강수량(3의 배수 시각에만). -9.0은 무강수일 수도 "
            "결측일 수도 있다: IR = 3이면 무강수"
        ),
        note_en=(
            "hourly April–October, three-hourly November–March (hours divisible by 3); -9.0 is "
            "printed for dry as for missing: IR = 3 says dry"
        ),
    ),
    _column(
        "rn_day",
        "일강수량 (통계표)",
        "precipitation of the day up to the hour (statistics)",
        "float",
        "mm",
        ("RN", "DAY"),
        (0.0, 1800.0),
        cf="lwe_thickness_of_precipitation_amount",
        note_ko=("누적값이므로 합산하지 않는다. 00시 행은 전날의 합계다. -9.0은 무강수일 수도 결측일 수도 있다"),
        note_en=(
            "running total: never summed; the row of 00:00 holds the day before; -9.0 is printed for dry as for missing"
        ),
    ),
    _column(
        "rn_jun",
        "일강수량 (전문)",
        "precipitation of the day up to the hour (as entered in the message)",
        "float",
        "mm",
        ("RN", "JUN"),
        (0.0, 1800.0),
        cf="lwe_thickness_of_precipitation_amount",
        since=2022,
        note_ko="2021년까지의 행에는 이 열이 없어 45열이다. 누적값이므로 합산하지 않는다",
        note_en="rows up to 2021 lack this column and have 45; running total: never summed",
    ),
    _column(
        "rn_int",
        "강수강도",
        "precipitation intensity",
        "float",
        "mm h-1",
        ("RN", "INT"),
        (0.0, 1000.0),
        cf="lwe_precipitation_rate",
        note_ko="관측하는 곳이 거의 없다",
        note_en="hardly observed anywhere",
    ),
    _column(
        "sd_hr3",
        "3시간 신적설",
        "fresh snow of three hours",
        "float",
        "cm",
        ("SD", "HR3"),
        (0.0, 100.0),
        cf="thickness_of_snowfall_amount",
    ),
    _column(
        "sd_day",
        "일 신적설",
        "fresh snow since 00:00",
        "float",
        "cm",
        ("SD", "DAY"),
        (0.0, 200.0),
        cf="thickness_of_snowfall_amount",
        note_ko="00시부터의 신적설이므로 합산하지 않는다",
        note_en="running depth since 00:00: never summed",
    ),
    _column(
        "sd_tot",
        "적설",
        "snow depth",
        "float",
        "cm",
        ("SD", "TOT"),
        (0.0, 400.0),
        cf="surface_snow_thickness",
    ),
)

_WEATHER_AND_CLOUD = (
    _column(
        "wc",
        "GTS 현재일기 (Code 4677)",
        "present weather (WMO code 4677)",
        "int",
        "1",
        ("WC", "--"),
        (0, 99),
        note_ko="유인관측 코드표(4677)다: AWS의 현천코드(4680)와 섞지 않는다",
        note_en="code table of manned stations (4677): never mix with the codes of AWS (4680)",
    ),
    _column(
        "wp",
        "GTS 과거일기 (Code 4561)",
        "past weather (WMO code 4561)",
        "int",
        "1",
        ("WP", "--"),
        (0, 99),
        note_ko="한 자리 또는 두 자리(예: 77)다: 자리마다 하나의 코드로 읽는다",
        note_en="one or two digits (77): read each digit as a code",
    ),
    _column(
        "ww",
        "국내식 일기코드 (2자리씩 11개까지)",
        "KMA's own weather codes, up to eleven of two digits",
        "text",
        "1",
        ("WW", "-" * 22),
        None,
        missing=Dash(),
        note_ko="글자로 둔다: '05'는 5가 아니다. 기상청 고유의 코드이며 WMO 코드가 아니다",
        note_en="kept as text: '05' is not 5; KMA's own table, none of WMO's",
    ),
    _column(
        "ca_tot",
        "전운량 (1/10)",
        "total cloud amount in tenths",
        "int",
        "1/10",
        ("CA", "TOT"),
        (0, 10),
        cf="cloud_area_fraction",
        note_ko="10분위다: AWS 운고운량의 CA_TOT은 8분위",
        note_en="in tenths: CA_TOT of the AWS ceilometers is in eighths",
    ),
    _column(
        "ca_mid",
        "중하층운량 (1/10)",
        "amount of middle and low clouds in tenths",
        "int",
        "1/10",
        ("CA", "MID"),
        (0, 10),
    ),
    _column(
        "ch_min",
        "최저운고 (100 m)",
        "height of the lowest cloud base in 100 m",
        "int",
        "100 m",
        ("CH", "MIN"),
        (0, 150),
        note_ko="100 m 단위다: 8은 800 m",
        note_en="in 100 m: 8 is 800 m",
    ),
    _column(
        "ct",
        "운형 (2자리씩 4개까지)",
        "cloud types, up to four of two letters",
        "text",
        "1",
        ("CT", "-" * 8),
        None,
        missing=Dash(),
        note_ko="이어 쓴다: ScAs는 Sc와 As",
        note_en="written together: ScAs is Sc and As",
    ),
    _column(
        "ct_top",
        "GTS 상층운형 (Code 0509)",
        "high cloud type (WMO code 0509)",
        "int",
        "1",
        ("CT", "TOP"),
        (0, 9),
    ),
    _column(
        "ct_mid",
        "GTS 중층운형 (Code 0515)",
        "middle cloud type (WMO code 0515)",
        "int",
        "1",
        ("CT", "MID"),
        (0, 9),
    ),
    _column(
        "ct_low",
        "GTS 하층운형 (Code 0513)",
        "low cloud type (WMO code 0513)",
        "int",
        "1",
        ("CT", "LOW"),
        (0, 9),
    ),
    _column(
        "vs",
        "시정 (10 m)",
        "visibility in 10 m",
        "int",
        "10 m",
        ("VS", ""),
        (0, 10000),
        cf="visibility_in_air",
        note_ko="10 m 단위다: 2000은 20 km. 2000과 5000은 상한으로 보인다(96행 중 20행, 32행)",
        note_en="in 10 m: 2000 is 20 km; 2000 and 5000 look like ceilings (20 and 32 of 96 rows)",
    ),
)

_SUN_AND_GROUND = (
    _column(
        "ss",
        "일조",
        "sunshine of the hour",
        "float",
        "h",
        ("SS", ""),
        (0.0, 1.0),
        cf="duration_of_sunshine",
        note_ko="밤에는 0이 아니라 -9.0이다",
        note_en="-9.0, not 0, at night",
    ),
    _column(
        "si",
        "일사",
        "solar radiation of the hour",
        "float",
        "MJ m-2",
        ("SI", ""),
        (0.0, 5.0),
        cf="integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air",
        note_ko="밤에는 0이 아니라 -9.00이며 일사계가 없는 지점도 -9.00이다",
        note_en="-9.00, not 0, at night; also at stations without a pyranometer",
    ),
    _column(
        "st_gd",
        "지면상태 코드",
        "state of the ground (KMA code)",
        "int",
        "1",
        ("ST", "GD"),
        None,
        note_ko="코드표는 공개되어 있지 않다",
        note_en="the code table is not public",
    ),
    _temperature("ts", "지면온도", "ground surface temperature", ("TS", "C"), (-50.0, 80.0), "surface_temperature"),
    _temperature("te_005", "5 cm 지중온도", "soil temperature at 5 cm", ("TE", "5"), (-30.0, 60.0), "soil_temperature"),
    _temperature(
        "te_01",
        "10 cm 지중온도",
        "soil temperature at 10 cm",
        ("TE", "10"),
        (-30.0, 60.0),
        "soil_temperature",
        ("; 이름의 01은 0.1 m다", "; 01 is 0.1 m"),
    ),
    _temperature(
        "te_02",
        "20 cm 지중온도",
        "soil temperature at 20 cm",
        ("TE", "20"),
        (-20.0, 50.0),
        "soil_temperature",
    ),
    _temperature(
        "te_03",
        "30 cm 지중온도",
        "soil temperature at 30 cm",
        ("TE", "30"),
        (-20.0, 50.0),
        "soil_temperature",
    ),
)

_SEA_AND_CODES = (
    _column(
        "st_sea",
        "해면상태 코드",
        "state of the sea (KMA code)",
        "int",
        "1",
        ("ST", "SEA"),
        None,
        note_ko="해안 관측소만 있다. 코드표는 공개되어 있지 않다",
        note_en="coastal stations only; the code table is not public",
    ),
    _column(
        "wh",
        "파고",
        "wave height",
        "float",
        "m",
        ("WH", "m"),
        (0.0, 20.0),
        note_ko="해안 관측소에서 눈으로 잰 값이다",
        note_en="estimated by eye at coastal stations",
    ),
    _column(
        "bf",
        "최대풍력 (Beaufort)",
        "greatest wind force (Beaufort)",
        "int",
        "1",
        ("BF", "--"),
        (0, 12),
        cf="beaufort_wind_force",
    ),
    _column(
        "ir",
        "강수자료 유무 (Code 1819)",
        "precipitation data indicator (WMO code 1819)",
        "int",
        "1",
        ("IR", "-"),
        (0, 4),
        note_ko=(
            "1 Sec1, 2 Sec3, 3 무강수, 4 결측. 그러나 4인 행에도 실제 강수가 있다. RN = -9.0의 뜻은 3일 때만 무강수다"
        ),
        note_en=(
            "1 section 1, 2 section 3, 3 dry, 4 'missing', yet rows with 4 hold real rain; only 3 "
            "makes RN = -9.0 mean dry"
        ),
    ),
    _column(
        "ix",
        "유인·무인관측 및 일기 포함여부 (Code 1860)",
        "manned or automatic, and whether weather is included (WMO code 1860)",
        "int",
        "1",
        ("IX", "-"),
        (1, 7),
        note_ko="1·2·3 유인, 4·5·6 무인; 1·4 일기 포함, 2·5 생략, 3·6 결측",
        note_en="1, 2, 3 manned, 4, 5, 6 automatic; 1 and 4 with weather, 2 and 5 omitted, 3 and 6 missing",
    ),
)

COLUMNS: tuple[Column, ...] = (
    *_WIND_AND_PRESSURE,
    *_AIR,
    *_RAIN_AND_SNOW,
    *_WEATHER_AND_CLOUD,
    *_SUN_AND_GROUND,
    *_SEA_AND_CODES,
)
