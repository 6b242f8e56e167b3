"""Header and end lines of the hub's text answers, as bytes (CP949, LF)."""

from __future__ import annotations

from collections.abc import Iterable

from kmaflow.simulator import header_text as text

START = b"#START7777\n"
END = b"#7777END\n"

_Lines = tuple[str, ...]
# columns 101-107 of the ASOS row hold RN_JUN, which answers up to 2021 did not have
_JUN_FROM, _JUN_TO = 100, 107

# help lines, name lines of disp=0, name lines of disp=1
_MINUTE: dict[str, tuple[_Lines, _Lines, _Lines]] = {
    "nph-aws2_min": (text.AWS_HELP, text.AWS_NAMES, text.AWS_NAMES),
    "nph-aws2_min_cloud": (text.CLOUD_HELP, text.CLOUD_0, text.CLOUD_1),
    "nph-aws2_min_vis": (text.VIS_HELP, text.VIS_0, text.VIS_1),
    "nph-aws2_min_lst": (text.LST_HELP, text.LST_NAMES, text.LST_NAMES),
    "nph-aws2_min_ww1": (text.WW1_HELP, text.WW1_NAMES, text.WW1_NAMES),
}


def _encode(lines: Iterable[str]) -> bytes:
    return START + "".join(line + "\n" for line in lines).encode("cp949")


def minute_header(endpoint: str, *, help_: int, disp: int, new_names: bool = True) -> bytes:
    """Header of a cgi-bin endpoint; empty with help=2.

    `new_names`: `WD10 WS10` (2026), else `WS10 WS10` (to 2024).
    """
    if help_ == 2:
        return b""
    about, fixed, comma = _MINUTE[endpoint]
    names = comma if disp == 1 else fixed
    if new_names and endpoint == "nph-aws2_min":
        names = (names[0].replace("  WS10   WS10", "  WD10   WS10"), names[1])
    return _encode((*about, *names) if help_ == 1 else names)


def asos_header(*, help_: int, with_jun: bool = True) -> bytes:
    """Header of kma_sfctm2.php and kma_sfctm3.php; `with_jun`: 46 columns (from 2022 on) instead of 45."""
    names: _Lines = text.ASOS_NAMES
    ruler = text.ASOS_RULER
    if not with_jun:
        names = tuple(line[:_JUN_FROM] + line[_JUN_TO:] for line in names)
        ruler = ruler[: _JUN_FROM - _JUN_TO]
    lines = (ruler, *names)
    return _encode((*text.ASOS_HELP, *lines) if help_ == 1 else lines)


def station_header(network: str, *, help_: int, law_addr: bool) -> bytes:
    """Header of stn_inf.php for the network `SFC` or `AWS`; the second line of LAW_ADDR is assumed."""
    names = text.SFC_LIST_NAMES if network == "SFC" else text.AWS_LIST_NAMES
    if law_addr:
        names = (names[0] + " LAW_ADDR", names[1] + " " + "-" * 20)
    return _encode((*text.STATION_HELP, *names) if help_ == 1 else names)
