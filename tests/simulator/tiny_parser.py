"""An independent reader of the hub's text answers: decimal numbers and nothing shared with the simulator."""

from __future__ import annotations

Row = dict[str, float | str | None]

MINUTE = ["wd1", "ws1", "wds", "wss", "wd10", "ws10", "ta", "re", "rn_15m", "rn_60m", "rn_12h", "rn_day"]
MINUTE += ["hm", "pa", "ps", "td"]
CLOUD = ["lon", "lat", "ch_low", "ch_mid", "ch_top", "ca_tot"]
VISIBILITY = ["lon", "lat", "s", "vis1", "vis10", "ww1", "ww15"]
GROUND = [
    "ta",
    "hm",
    "td",
    "tg",
    "ts",
    "te005",
    "te01",
    "te02",
    "te03",
    "te05",
    "te10",
    "te15",
    "te30",
    "te50",
]
GROUND += ["pa", "ps"]
ASOS = [
    "wd",
    "ws",
    "gst_wd",
    "gst_ws",
    "gst_tm",
    "pa",
    "ps",
    "pt",
    "pr",
    "ta",
    "td",
    "hm",
    "pv",
    "rn",
    "rn_day",
]
ASOS += [
    "rn_jun",
    "rn_int",
    "sd_hr3",
    "sd_day",
    "sd_tot",
    "wc",
    "wp",
    "ww",
    "ca_tot",
    "ca_mid",
    "ch_min",
    "ct",
]
ASOS += ["ct_top", "ct_mid", "ct_low", "vs", "ss", "si", "st_gd", "ts", "te_005", "te_01", "te_02", "te_03"]
ASOS += ["st_sea", "wh", "bf", "ir", "ix"]
NAMES = {
    "aws_minute": MINUTE, "aws_cloud": CLOUD, "aws_visibility": VISIBILITY, "aws_ground_temperature": GROUND,
    "asos_hourly": ASOS,
}  # fmt: skip
COLD = ("ta", "td", "ts", "te_005", "te_01", "te_02", "te_03")


def lines(body: bytes) -> list[str]:
    """Data lines of a complete answer."""
    assert body.startswith(b"#START7777\n"), body[:80]
    assert body.endswith(b"#7777END\n"), body[-80:]
    return [line for line in body.decode("cp949").split("\n") if line and not line.startswith("#")]


def tokens(line: str) -> list[str]:
    """The fields of a line, comma-separated or not."""
    if "," not in line:
        return line.split()
    parts = [part.strip() for part in line.split(",")]
    assert parts[-1] == "=", line
    return parts[:-1]


def _value(dataset: str, name: str, text: str) -> float | str | None:
    if name in ("ww", "ct"):
        return None if text == "-" else text
    number = float(text)
    if dataset != "asos_hourly":
        return None if number <= -50 else number + 0.0
    if name in COLD:
        return None if number == -99 else number
    return None if number == -9 else number


def parse(dataset: str, body: bytes) -> dict[tuple[str, int], Row]:
    """Rows by (stamp, station); longitude and latitude are left out."""
    out: dict[tuple[str, int], Row] = {}
    names = NAMES[dataset]
    for line in lines(body):
        stamp, stn, *fields = tokens(line)
        assert len(fields) == len(names), line
        row = {name: _value(dataset, name, text) for name, text in zip(names, fields, strict=True)}
        assert (stamp, int(stn)) not in out
        out[stamp, int(stn)] = {name: value for name, value in row.items() if name not in ("lon", "lat")}
    return out
