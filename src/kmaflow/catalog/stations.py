"""The station lists of ``stn_inf.php`` (지상관측 지점정보): fixed width in bytes of CP949.

A Korean letter takes two bytes. Splitting at blanks does not work: names hold blanks (``Jeongseon Gun``,
``송파 *``), and the name line says STN twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kmaflow.catalog.model import ByteField, Kind, StationList

_SOURCE = "help=1 text and rows of stn_inf (captures 2024-12: SFC 97, AWS 727 rows)"
_RETYPED = "excerpt of a list of 2026-08, retyped"
_NONE = ("----",)
_NO_NAME = ("----", "*")


def _field(
    name: str,
    start: int,
    end: int | None,
    ko: str,
    en: str,
    kind: Kind = "text",
    unit: str = "1",
    *,
    header: str | None = None,
    missing: tuple[str, ...] = (),
    source: str = _SOURCE,
) -> ByteField:
    return ByteField(
        name=name,
        kma=name.upper(),
        ko=ko,
        en=en,
        kind=kind,
        unit=unit,
        start=start,
        end=end,
        source=source,
        missing=missing,
        missing_at_most=-90.0 if name.startswith("ht") else None,
        header=header or name.upper(),
    )


def _height(name: str, start: int, end: int, ko: str, en: str) -> ByteField:
    return _field(name, start, end, ko, en, "float", "m")


def _head() -> tuple[ByteField, ...]:
    """What both lists begin with."""
    return (
        _field("stn", 1, 5, "지점번호", "station number", "int"),
        _field("lon", 6, 19, "경도", "longitude", "float", "degree_east"),
        _field("lat", 20, 33, "위도", "latitude", "float", "degree_north"),
        _field("stn_sp", 35, 42, "지점 특성코드", "code of the station's properties"),
        _height("ht", 43, 52, "노장 해발고도", "height of the observing field above sea level"),
    )


def _tail(shift: int) -> tuple[ByteField, ...]:
    """What both lists end with: 25 bytes further to the right in the SFC list."""
    return (
        _field(
            "stn_ad",
            68 + shift,
            71 + shift,
            "관리관서번호",
            "number of the office in charge",
            "int",
            header="STN",
        ),
        _field("stn_ko", 73 + shift, 92 + shift, "지점명(한글)", "name in Korean"),
        _field("stn_en", 94 + shift, 113 + shift, "지점명(영문)", "name in English", missing=_NO_NAME),
        _field("fct_id", 115 + shift, 122 + shift, "예보구역코드", "code of the forecast zone", missing=_NONE),
        _field("law_id", 124 + shift, 133 + shift, "법정동코드", "code of the legal district", missing=_NONE),
        _field("basin", 135 + shift, 138 + shift, "수계코드", "code of the river basin", missing=_NONE),
    )


def _address(start: int) -> tuple[ByteField, ...]:
    """The address newer answers print behind the rest; it holds blanks."""
    address = _field("law_addr", start, None, "법정동 주소", "address", missing=_NONE, source=_RETYPED)
    return (address,)


SFC_STATIONS = StationList(
    network="SFC",
    ko="지상(ASOS) 지점정보",
    en="station list of ASOS",
    endpoint="url/stn_inf.php",
    parameters={"inf": "SFC", "stn": "0", "help": "0"},
    stations=110,
    since=1904,
    fields=(
        *_head(),
        _height("ht_pa", 53, 62, "기압계 해발고도", "height of the barometer above sea level"),
        _height("ht_ta", 63, 72, "온도계 지상높이", "height of the thermometer above ground"),
        _height("ht_wd", 73, 82, "풍향·풍속계 지상높이", "height of the anemometer above ground"),
        _height("ht_rn", 83, 92, "우량계 지상높이", "height of the rain gauge above ground"),
        *_tail(25),
    ),
    since_2026=_address(165),
    source="stn_inf: KMA API Hub documentation; capture 2024-12; law_addr: public collectors",
    notes_en=(
        "a station's position changes with time: ask with tm and keep the history",
        "English names may hold a blank (Jeongseon Gun); BASIN is ---- in all captured rows",
    ),
    notes_ko=(
        "지점의 위치는 시간에 따라 바뀐다: tm을 붙여 묻고 이력을 남긴다",
        "영문명에 빈칸이 있을 수 있다(Jeongseon Gun). 수계코드는 캡처한 모든 행이 ----다",
    ),
)

AWS_STATIONS = StationList(
    network="AWS",
    ko="방재(AWS) 지점정보",
    en="station list of AWS, which holds all ASOS stations too",
    endpoint="url/stn_inf.php",
    parameters={"inf": "AWS", "stn": "0", "help": "0"},
    stations=760,
    since=1988,
    fields=(
        *_head(),
        _height("ht_wd", 53, 62, "풍향·풍속계 지상높이", "height of the anemometer above ground"),
        _field("lau_id", 63, 67, "지자체코드", "code of the local government", "int", header="LAU"),
        *_tail(0),
    ),
    since_2026=_address(140),
    source="stn_inf: KMA API Hub documentation; capture 2024-12; law_addr: an excerpt of 2026-08",
    notes_en=(
        ("HT_WD is 0.00 at 619 of 727 stations: not entered, rather than an anemometer on the ground; kept as printed"),
        "STN_EN is ---- at 695 of 727 stations; '*' occurs in 2026",
        (
            "STN_KO may end in ' *' (청주(공) *, 송파 *): KMA's mark, its meaning is unknown; two names "
            "occur twice (옥천, 가산)"
        ),
        "LAU_ID is 0 in the excerpt of 2026; 9 of 727 listed stations never report, 4 report unlisted",
    ),
    notes_ko=(
        ("HT_WD는 727곳 중 619곳이 0.00이다: 땅 위의 풍속계가 아니라 입력되지 않은 값으로 보이나 찍힌 대로 둔다"),
        "STN_EN은 727곳 중 695곳이 ----이며 2026년에는 '*'도 있다",
        ("STN_KO는 ' *'로 끝날 수 있다(청주(공) *, 송파 *): 뜻은 알려지지 않았다. 같은 이름이 둘씩 있다(옥천, 가산)"),
        "2026년 발췌에서 LAU_ID는 0이다. 목록의 727곳 중 9곳은 보고하지 않고 4곳은 목록에 없이 보고한다",
    ),
)

STATION_LISTS: Mapping[str, StationList] = MappingProxyType({"SFC": SFC_STATIONS, "AWS": AWS_STATIONS})
#: About how many stations report at a time at most: bounds what is read at once.
MOST_STATIONS = max(stations.stations for stations in STATION_LISTS.values())
