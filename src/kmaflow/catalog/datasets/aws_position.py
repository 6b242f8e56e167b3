"""Longitude and latitude as ``_cloud``, ``_vis`` and ``_ww1`` print them: read, but not stored."""

from __future__ import annotations

from kmaflow.catalog.model import AtMost, Column

_SOURCE = "captures of nph-aws2_min_cloud and nph-aws2_min_vis, 2024-10…12"

LON = Column(
    name="lon",
    kma="LON",
    ko="경도",
    en="longitude of the station",
    kind="float",
    unit="degree_east",
    cf="longitude",
    missing=AtMost(-50.0),
    plausible=(124.0, 132.0),
    source=_SOURCE,
    header=("LON.", "LON"),
    unit_header="deg",
    role="position",
    note_ko="float32로 찍혀 지점정보와 소수 여섯째 자리부터 다르다: 위치는 지점정보에서 읽는다",
    note_en=(
        "printed from a float32: differs from the station list in the sixth decimal; positions come from that list"
    ),
)

LAT = Column(
    name="lat",
    kma="LAT",
    ko="위도",
    en="latitude of the station",
    kind="float",
    unit="degree_north",
    cf="latitude",
    missing=AtMost(-50.0),
    plausible=(32.0, 39.0),
    source=_SOURCE,
    header=("LAT.", "LAT"),
    unit_header="deg",
    role="position",
    note_ko="경도와 같다",
    note_en="as the longitude",
)
