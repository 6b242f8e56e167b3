"""Answers with a proper end that lack rows, and answers whose header has changed: bytes in, bytes out.

What is left out is chosen by a number that the caller draws, so equal numbers give equal bytes. Answers
without data lines are given back as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

# stamp and station of a data line of any endpoint and disp, but not of stn_inf.php
_ROW = re.compile(rb" ?(\d{12})[, ] *(\d+)")
_NEW_NAME, _NEW_UNIT, _NEW_VALUE = "NEW", "-", "7.7"


def _keep(body: bytes, wanted: Callable[[bytes, bytes], bool]) -> bytes:
    """The answer with only those data lines of which (stamp, station) is wanted."""
    return b"".join(
        line
        for line in body.splitlines(keepends=True)
        if (found := _ROW.match(line)) is None or wanted(found[1], found[2])
    )


def _order(choice: int, name: bytes) -> bytes:
    """A place in a random order that depends on the draw."""
    return hashlib.blake2b(b"%d/%s" % (choice, name), digest_size=8).digest()


def _found(body: bytes, group: int) -> list[bytes]:
    return sorted({found[group] for line in body.splitlines() if (found := _ROW.match(line))})


def without_last_stamps(body: bytes, count: int) -> bytes:
    """The answer without its last `count` stamps; one stamp is always left."""
    stamps = _found(body, 1)
    gone = stamps[max(len(stamps) - count, 1) :]
    return _keep(body, lambda stamp, _: stamp not in gone)


def without_one_stamp(body: bytes, choice: int) -> bytes:
    """The answer without one stamp that is neither the first nor the last; needs three."""
    inner = _found(body, 1)[1:-1]
    if not inner:
        return body
    gone = inner[choice % len(inner)]
    return _keep(body, lambda stamp, _: stamp != gone)


def without_rows(body: bytes) -> bytes:
    """Header and end mark only."""
    return _keep(body, lambda *_: False)


def without_stations(body: bytes, share: float, choice: int) -> bytes:
    """The answer without a share of its stations, rounded down: an answer of one station stays whole."""
    numbers = _found(body, 2)
    gone = set(sorted(numbers, key=lambda stn: _order(choice, stn))[: int(share * len(numbers))])
    return _keep(body, lambda _, stn: stn not in gone)


def short_list(body: bytes, share: float) -> bytes:
    """A station list without the last share of its rows."""
    lines = body.splitlines(keepends=True)
    rows = [number for number, line in enumerate(lines) if not line.startswith(b"#")]
    gone = set(rows[len(rows) - int(share * len(rows)) :])
    return b"".join(line for number, line in enumerate(lines) if number not in gone)


# ---------------------------------------------------------------------------------------------------- headers


def other_unit(body: bytes) -> bytes:
    """One unit is written differently; the values are the same."""
    lines = body.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith(b"#") and b"KST" in line and b"YYMMDD" not in line:
            lines[number] = line.replace(b"hPa", b"mb ") if b"hPa" in line else line.replace(b"deg", b"degree")
    return b"".join(lines)


def more_comments(body: bytes) -> bytes:
    """A dashed line and a sentence before the names."""
    said = "#" + "-" * 60 + "\n#  자료 이용 안내 : 실시간 자료는 품질검사 전의 값입니다.\n"
    return body.replace(b"# YYMMDD", said.encode("cp949") + b"# YYMMDD", 1)


def new_column(body: bytes, after: int) -> bytes:
    """A column `NEW` more in header and rows, as the column number `after`, or with 0 as the last one.

    In comma-separated lines it is a field before the final `=`, elsewhere it stands at the same characters of
    all lines; nph-aws2_min with disp=1 has both.
    """
    lines = body.decode("cp949").split("\n")
    names = next((line for line in lines if line.startswith("# YYMMDD")), None)
    if names is None:
        return body
    ends = [found.end() for found in re.finditer(r"\S+", names) if found.start()]
    at = ends[after - 1] if 0 < after <= len(ends) else None
    begun = ended = False
    for number, line in enumerate(lines):
        begun, ended = begun or line == names, ended or line.startswith("#7777")
        if not begun or ended or not line:
            continue
        said = _NEW_NAME if line == names else _NEW_UNIT if line.startswith("#") else _NEW_VALUE
        if "," in line:
            fields = line.split(",")
            last = len(fields) - 1 if fields[-1].strip() == "=" else len(fields)
            fields.insert(after if 0 < after < last else last, said)
            lines[number] = ",".join(fields)
        else:
            here = len(line) if at is None else at
            lines[number] = line[:here] + f"{said:>6}" + line[here:]
    return "\n".join(lines).encode("cp949")
