"""KMA's daily ASOS table and hourly AWS statistics can be described: what others quoted of them is read as it should be."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kmaflow.catalog.model import DATE, Codes, Column, Dataset, RequestForm, Schedule, Single
from kmaflow.catalog.time import DAY, HOUR, MINUTE, Window
from kmaflow.hub.errors import ChangedFormat
from kmaflow.hub.parse import parse

_SOURCE = "KMA API Hub documentation"
#: Columns 3–56 of kma_sfcdd, and what stands for each in the two lines of names.
DAILY = (
    "ws_avg wr_day wd_max ws_max ws_max_tm wd_ins ws_ins ws_ins_tm ta_avg ta_max ta_max_tm ta_min ta_min_tm "
    "td_avg ts_avg tg_min hm_avg hm_min hm_min_tm pv_avg ev_s ev_l fg_dur pa_avg ps_avg ps_max ps_max_tm ps_min "
    "ps_min_tm ca_tot ss_day ss_dur ss_cmb si_day si_60m_max si_60m_max_tm rn_day rn_d99 rn_dur rn_60m_max "
    "rn_60m_max_tm rn_10m_max rn_10m_max_tm rn_pow_max rn_pow_max_tm sd_new sd_new_tm sd_max sd_max_tm te_05 "
    "te_10 te_15 te_30 te_50"
)
FIRST = (
    "WS WR WD WS WS WD WS WS TA TA TA TA TA TD TS TG HM HM HM PV EV_S EV_L FG PA PS PS PS PS PS CA SS SS SS SI SI "
    "SI RN RN RN RN RN RN RN RN RN SD SD SD SD TE TE TE TE TE"
)
SECOND = (
    "AVG DAY MAX MAX MAX INS INS INS AVG MAX MAX MIN MIN AVG AVG MIN AVG MIN MIN AVG - - DUR AVG AVG MAX MAX MIN "
    "MIN TOT DAY DUR CMB DAY 60M 60M DAY D99 DUR 60M 60M 10M 10M POW POW NEW NEW MAX MAX 5 10 15 30 50"
)
#: Columns 3–14 of awsh with var=RN, and their names in its line.
RAIN = (
    "re_sum re_qcm rn_day rn_day_mi rn_hr1 rn_hr1_mi rn_60m_max rn_60m_max_mi rn_60m_qcm rn_15m_max rn_15m_max_mi "
    "rn_15m_qcm"
)
RAIN_NAMES = "RE RE RN MI RN MI RN MI QCM RN MI QCM"


def column(name: str, header: str, unit_header: str | None, *, whole: bool, missing: Codes) -> Column:
    return Column(
        name=name,
        kma=name.upper(),
        ko=name,
        en=name,
        kind="int" if whole else "float",
        unit="1",
        cf=None,
        missing=missing,
        plausible=None,
        source=_SOURCE,
        header=(header,),
        unit_header=None if unit_header is None else unit_header.strip("-"),
    )


ASOS_DAILY = Dataset(
    name="asos_daily",
    ko="ASOS 일자료",
    en="ASOS daily data",
    network="SFC",
    operation="kma_sfcdd3",
    request=RequestForm("url/kma_sfcdd3.php", {"help": "0"}, 31 * DAY, 31 * DAY, station_list=True),
    schedule=Schedule("kma_daily", "일", "daily", every=DAY, delay=6 * HOUR),
    cadence=DAY,
    retention=None,
    placeholders=False,
    columns=tuple(
        column(
            name,
            first,
            second,
            whole=name.endswith("_tm") or name in ("wr_day", "wd_max", "wd_ins"),
            missing=Codes.of(-99.0 if name[:2] in ("ta", "td", "ts", "tg", "te") and name[-2:] != "tm" else -9.0),
        )
        for name, first, second in zip(DAILY.split(), FIRST.split(), SECOND.split(), strict=True)
    ),
    source=_SOURCE,
    stamp=DATE,
    row_end=",",
)
AWS_HOURLY_RAIN = Dataset(
    name="aws_hourly_rain",
    ko="AWS 시간 강수",
    en="AWS hourly rain",
    network="AWS",
    operation="awsh",
    request=RequestForm(
        "url/awsh.php",
        {"var": "RN", "help": "0"},
        HOUR,
        HOUR,
        station_list=True,
        time=Single("tm"),
        timeout=timedelta(minutes=2),
    ),
    schedule=Schedule("kma_aws_hourly", "시간", "hourly", every=HOUR, delay=20 * MINUTE),
    cadence=HOUR,
    retention=None,
    placeholders=False,
    columns=tuple(
        column(
            name,
            header,
            None,
            whole=name.startswith("re") or name.endswith(("mi", "qcm")),
            missing=Codes.of(-99.0),
        )
        for name, header in zip(RAIN.split(), RAIN_NAMES.split(), strict=True)
    ),
    source=_SOURCE,
)


@pytest.fixture
def retyped(captures: Path) -> Path:
    """Excerpts that others quoted, beside the captures."""
    folder = captures.parent / "retyped"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    return folder


def test_a_day_of_a_station_in_commas(retyped: Path) -> None:
    content = (retyped / "kma_sfcdd_disp0_help1_stn174_20251105.txt").read_bytes()
    parsed = parse(ASOS_DAILY, content, window=Window(datetime(2025, 11, 5), datetime(2025, 11, 6)))
    assert (parsed.rejected, parsed.notes) == ((), ())
    (row,) = parsed.rows.to_dicts()
    assert (row["tm_kst"], row["stn"]) == (datetime(2025, 11, 6), 174)
    assert (row["ta_avg"], row["ta_min_tm"], row["ps_max_tm"], row["hm_min_tm"]) == (10.0, 712, 52, 1446)
    assert (row["tg_min"], row["rn_day"], row["sd_max_tm"], row["te_50"]) == (0.0, None, None, None)


def test_days_of_a_station_in_columns_of_fixed_width(retyped: Path) -> None:
    head = (retyped / "kma_sfcdd_disp0_help1_stn174_20251105.txt").read_bytes().partition(b"20251105")[0]
    rows = (retyped / "kma_sfcdd3_rows_stn159_20230519-20.txt").read_bytes()
    parsed = parse(ASOS_DAILY, head + rows + b"#7777END\n")
    assert parsed.rejected == ()
    assert parsed.rows["tm_kst"].to_list() == [datetime(2023, 5, 20), datetime(2023, 5, 21)]
    assert parsed.rows["ta_max"].to_list() == [21.8, 22.2]
    assert parsed.rows["te_05"].to_list() == [22.0, 21.9]


def test_a_daily_row_that_lost_its_end_is_rejected(retyped: Path) -> None:
    content = (retyped / "kma_sfcdd_disp0_help1_stn174_20251105.txt").read_bytes()
    with pytest.raises(ChangedFormat, match="no ',' at its end"):
        parse(ASOS_DAILY, content.replace(b"-99.0,\n", b"-9\n"))


def test_a_daily_line_of_names_that_changed_is_refused(retyped: Path) -> None:
    content = (retyped / "kma_sfcdd_disp0_help1_stn174_20251105.txt").read_bytes()
    with pytest.raises(ChangedFormat, match="the line below the names"):
        parse(ASOS_DAILY, content.replace(b"MAX  MAX   MIN  MIN", b"MIN  MIN   MAX  MAX"))


def test_an_hour_of_aws_statistics(retyped: Path) -> None:
    content = (retyped / "awsh_varRN_help0_202609011500_excerpt.txt").read_bytes()
    parsed = parse(AWS_HOURLY_RAIN, content)
    assert parsed.rejected == ()
    assert parsed.rows["stn"].to_list() == [42, 43, 159, 777]
    assert parsed.rows.row(2)[2:-1] == (18, 60, 2.4, 0, 0.3, -60, 0.3, -59, 60, 0.3, -59, 60)


def test_how_days_and_hours_are_asked_for() -> None:
    days = Window(datetime(2025, 11, 5, 5), datetime(2025, 11, 8, 5))
    assert ASOS_DAILY.asked(days, None) == {"help": "0", "tm1": "20251105", "tm2": "20251107", "stn": "0"}
    hour = Window(datetime(2025, 11, 5, 5), datetime(2025, 11, 5, 6))
    assert AWS_HOURLY_RAIN.asked(hour, 108) == {"var": "RN", "help": "0", "tm": "202511050600", "stn": "108"}
    with pytest.raises(ValueError, match="one stamp per request"):
        AWS_HOURLY_RAIN.asked(Window(datetime(2025, 11, 5, 5), datetime(2025, 11, 5, 7)), None)
