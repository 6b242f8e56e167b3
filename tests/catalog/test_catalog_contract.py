"""The catalogue keeps the contract of design.md §5 and describes every column fully."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from kmaflow.catalog import DAGS, DATASETS, dataset
from kmaflow.catalog.model import AtMost, Codes, Column, Dash, Dataset, Missing, Never
from kmaflow.errors import UsageError

CONTRACT = {
    "aws_minute": "wd1 ws1 wds wss wd10 ws10 ta re rn_15m rn_60m rn_12h rn_day hm pa ps td",
    "aws_cloud": "ch_low ch_mid ch_top ca_tot",
    "aws_visibility": "s vis1 vis10 ww1 ww15",
    "aws_ground_temperature": "ta hm td tg ts te005 te01 te02 te03 te05 te10 te15 te30 te50 pa ps",
    "aws_present_weather": "s n ww1 nn1",
    "asos_hourly": (
        "wd ws gst_wd gst_ws gst_tm pa ps pt pr ta td hm pv rn rn_day rn_jun rn_int sd_hr3 sd_day sd_tot "
        "wc wp ww ca_tot ca_mid ch_min ct ct_top ct_mid ct_low vs ss si st_gd ts te_005 te_01 te_02 te_03 "
        "st_sea wh bf ir ix"
    ),
}

# Name and canonical unit in the CF standard name table, version 93.
CF_NAMES = {
    "air_pressure_at_mean_sea_level": "Pa",
    "air_temperature": "K",
    "beaufort_wind_force": "1",
    "cloud_area_fraction": "1",
    "dew_point_temperature": "K",
    "duration_of_sunshine": "s",
    "integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air": "W s m-2",
    "latitude": "degree_north",
    "longitude": "degree_east",
    "lwe_precipitation_rate": "m s-1",
    "lwe_thickness_of_precipitation_amount": "m",
    "precipitation_amount": "kg m-2",
    "relative_humidity": "1",
    "soil_temperature": "K",
    "surface_air_pressure": "Pa",
    "surface_snow_thickness": "m",
    "surface_temperature": "K",
    "thickness_of_snowfall_amount": "m",
    "visibility_in_air": "m",
    "water_vapor_partial_pressure_in_air": "Pa",
    "wind_from_direction": "degree",
    "wind_gust_from_direction": "degree",
    "wind_speed": "m s-1",
    "wind_speed_of_gust": "m s-1",
}

# The canonical units each of our units can be converted to (1 mm of water is 1 kg m-2).
CONVERTIBLE = {
    "%": {"1"},
    "1": {"1"},
    "1/8": {"1"},
    "1/10": {"1"},
    "10 degree": {"degree"},
    "10 m": {"m"},
    "100 m": {"m"},
    "MJ m-2": {"W s m-2"},
    "cm": {"m"},
    "degree": {"degree"},
    "degree_Celsius": {"K"},
    "degree_east": {"degree_east"},
    "degree_north": {"degree_north"},
    "h": {"s"},
    "hPa": {"Pa"},
    "m": {"m"},
    "m s-1": {"m s-1"},
    "mm": {"m", "kg m-2"},
    "mm h-1": {"m s-1"},
}

COLUMNS = [
    pytest.param(described, column, id=f"{name}.{column.name}")
    for name, described in DATASETS.items()
    for column in (*described.columns, *described.pair_columns)
]
TEMPERATURES = [
    pytest.param(column, id=f"{name}.{column.name}")
    for name, described in DATASETS.items()
    for column in described.stored
    if column.unit == "degree_Celsius"
]


def is_missing(rule: Missing, value: float) -> bool:
    """What the rule says of a printed number."""
    match rule:
        case AtMost(limit):
            return value <= limit
        case Codes(codes):
            return value in codes
        case Dash() | Never():
            return False


def names(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns]


def test_the_datasets_stand_in_the_order_of_the_design() -> None:
    assert list(DATASETS) == list(CONTRACT)
    assert list(CONTRACT)[:5] == list(DAGS["kma_aws"])
    assert DAGS["kma_asos"] == ("asos_hourly",)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_stored_columns_are_those_of_the_design(name: str) -> None:
    assert names(DATASETS[name].stored) == CONTRACT[name].split()


@pytest.mark.parametrize("name", CONTRACT)
def test_names_are_unique(name: str) -> None:
    described = DATASETS[name]
    everything = names((*described.columns, *described.pair_columns))
    assert len(set(everything)) == len(everything)
    assert not {"tm_kst", "stn", "request_id"} & set(everything)


@pytest.mark.parametrize(("described", "column"), COLUMNS)
def test_every_column_is_fully_described(described: Dataset, column: Column) -> None:
    assert column.ko
    assert column.en
    assert column.source
    assert column.unit in CONVERTIBLE
    assert column.name == column.name.lower()
    assert bool(column.note_ko) == bool(column.note_en)
    assert isinstance(column.missing, Dash) == (column.kind == "text")
    assert all(header.strip() == header != "" for header in column.header_names)
    if column.plausible is not None:
        low, high = column.plausible
        assert low < high
        assert not is_missing(column.missing, high)
    assert (column.unit_header is None) == (described.header == "by_name")


@pytest.mark.parametrize(("described", "column"), COLUMNS)
def test_cf_names_are_real_and_fit_the_unit(described: Dataset, column: Column) -> None:
    if column.cf is not None:
        assert CF_NAMES[column.cf] in CONVERTIBLE[column.unit]


@pytest.mark.parametrize("column", TEMPERATURES)
def test_no_temperature_that_can_be_is_missing(column: Column) -> None:
    tenths = [tenth / 10 for tenth in range(-450, 601)]
    assert [value for value in tenths if is_missing(column.missing, value)] == []
    assert is_missing(column.missing, -99.0)


def test_every_temperature_was_looked_at() -> None:
    assert len(TEMPERATURES) == 2 + 13 + 7


def test_the_asos_sentinels_are_those_of_each_field() -> None:
    asos = DATASETS["asos_hourly"]
    cold = {"ta", "td", "ts", "te_005", "te_01", "te_02", "te_03"}
    for column in asos.stored:
        if column.kind == "text":
            assert column.missing == Dash()
        else:
            assert column.missing == Codes.of(-99.0 if column.name in cold else -9.0), column.name


def test_every_aws_number_is_missing_at_or_below_minus_fifty() -> None:
    for name in DAGS["kma_aws"]:
        described = DATASETS[name]
        assert {column.missing for column in (*described.columns, *described.pair_columns)} == {AtMost(-50.0)}


def test_asos_prints_integers_where_the_hub_does() -> None:
    integers = "wd gst_wd gst_tm pt wc wp ca_tot ca_mid ch_min ct_top ct_mid ct_low vs st_gd st_sea bf ir ix"
    asos = DATASETS["asos_hourly"]
    assert [column.name for column in asos.stored if column.kind == "int"] == integers.split()
    assert [column.name for column in asos.stored if column.kind == "text"] == ["ww", "ct"]


def test_only_rn_jun_is_younger_than_its_dataset() -> None:
    young = [
        (name, column.name, column.since) for name, one in DATASETS.items() for column in one.stored if column.since
    ]
    assert young == [("asos_hourly", "rn_jun", 2022)]


def test_positions_are_read_but_not_stored() -> None:
    for name in ("aws_cloud", "aws_visibility", "aws_present_weather"):
        described = DATASETS[name]
        assert [column.name for column in described.columns if not column.stored] == ["lon", "lat"]


def test_descriptors_do_not_decide_whether_a_row_is_blank() -> None:
    assert names(DATASETS["aws_visibility"].values) == ["vis1", "vis10", "ww1", "ww15"]
    assert names(DATASETS["aws_present_weather"].values) == ["ww1"]


def test_header_aliases_never_name_two_columns() -> None:
    for name in ("aws_ground_temperature", "aws_present_weather"):
        described = DATASETS[name]
        aliases = [alias for column in (*described.columns, *described.pair_columns) for alias in column.header_names]
        assert len(set(aliases)) == len(aliases)


@pytest.mark.parametrize("described", DATASETS.values(), ids=lambda one: one.name)
def test_every_dataset_says_how_it_is_asked(described: Dataset) -> None:
    asking = described.request
    assert (
        asking.endpoint in described.source or asking.endpoint.rsplit("/")[-1].removesuffix(".php") in described.source
    )
    assert described.cadence <= asking.all_stations <= asking.one_station
    assert asking.station_list == asking.endpoint.endswith(".php")
    assert described.assumptions
    assert len(described.notes_ko) == len(described.notes_en)
    assert len(described.assumptions_ko) == len(described.assumptions)
    assert (described.layout == "pairs") == bool(described.pair_columns) == (described.pair_table is not None)
    assert "authKey" not in asking.parameters


def test_present_weather_is_asked_for_single_minutes() -> None:
    described = DATASETS["aws_present_weather"]
    assert described.request.parameters == {"itv": "1", "range": "1", "disp": "1", "help": "0"}
    assert described.pair_table == "aws_present_weather_code"


@pytest.mark.parametrize("name", CONTRACT)
def test_a_column_is_found_by_its_name(name: str) -> None:
    described = dataset(name)
    for column in described.stored:
        assert described.column(column.name) is column
    with pytest.raises(KeyError, match=f"{name} has no column nothing"):
        described.column("nothing")


def test_a_column_without_aliases_answers_to_kmas_name() -> None:
    assert DATASETS["aws_minute"].column("rn_15m").header_names == ("RN-15m",)
    assert DATASETS["aws_minute"].column("wd10").header_names == ("WD10", "WS10")


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("aws_minut", "aws_minute"),
        ("asos", "asos_hourly"),
        ("aws_clout", "aws_cloud"),
        ("xyz", ", ".join(CONTRACT)),
    ],
)
def test_an_unknown_dataset_is_answered_with_the_nearest(typed: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        dataset(typed)
    assert repr(typed) in caught.value.what
    assert advice in caught.value.todo_en
    assert advice in caught.value.todo_ko
    assert caught.value.exit_code == 2


def test_the_registry_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DATASETS["mine"] = DATASETS["aws_minute"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        DATASETS["aws_minute"].name = "mine"  # type: ignore[misc]
    assert replace(DATASETS["aws_minute"], name="mine").name == "mine"


def test_the_catalogue_imports_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import kmaflow.catalog\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(roots - sys.stdlib_module_names - {'kmaflow'}))\n"
        "print(sorted(name for name in sys.modules if name.startswith('kmaflow.') "
        "and not name.startswith(('kmaflow.catalog', 'kmaflow.errors', 'kmaflow.language', 'kmaflow.printable'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
