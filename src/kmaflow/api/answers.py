"""How answers look: JSON, CSV, Parquet, GeoJSON; ETag and Cache-Control by the dataset's cadence; pages by cursor."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from kmaflow.api.problems import MEDIA_OF_ROWS
from kmaflow.catalog import DATASETS
from kmaflow.catalog.time import MINUTE, floor_to
from kmaflow.errors import UsageError
from kmaflow.read.files import csv_parts, write_parquet

Format = Literal["json", "csv", "parquet", "geojson"]
#: What seldom changes.
HOUR_SECONDS = 3600


def iso(moment: datetime | None) -> str | None:
    """A stamp as ISO 8601, with its offset."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}+09:00"


def dumped(value: Any) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def rows_json(frame: pl.DataFrame) -> bytes:
    """The rows as a JSON array of objects; stamps with their offset."""
    return (
        frame.select(pl.exclude(pl.Datetime), pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S+09:00"))
        .select(frame.columns)
        .write_json()
        .encode()
    )


def geojson(frame: pl.DataFrame) -> bytes:
    """Rows with ``lat`` and ``lon`` as a FeatureCollection; rows without a position are left out."""
    rows = json.loads(rows_json(frame.filter(pl.col("lat").is_not_null() & pl.col("lon").is_not_null())))
    features = [
        {"type": "Feature", "id": row.get("stn"), "geometry": {"type": "Point", "coordinates": [row.pop("lon"), row.pop("lat")]}, "properties": row}
        for row in rows
    ]  # fmt: skip
    return dumped({"type": "FeatureCollection", "features": features})


def seconds_until_next(datasets: Iterable[str], now: datetime) -> int:
    """Seconds until the hub should have the next stamp of one of the datasets: so long an answer stays the newest."""
    waits = []
    for name in datasets:
        described = DATASETS[name]
        step = max(described.cadence, MINUTE)
        due = floor_to(now - described.latency, step) + step + described.latency
        waits.append(max(1, int((due - now).total_seconds())))
    return min(waits, default=60)


def tag_of(*parts: object) -> str:
    """A weak ETag: what is compressed on the way is still the same."""
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
        digest.update(b"\0")
    return f'W/"{digest.hexdigest()}"'


def unchanged(request: Request, tag: str) -> bool:
    """Whether the client has this answer already."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or tag.removeprefix("W/") in {
        one.strip().removeprefix("W/") for one in known.split(",")
    }


def headers_of(tag: str, max_age: int) -> dict[str, str]:
    """Private, since a token was asked for."""
    return {
        "ETag": tag,
        "Cache-Control": f"private, max-age={max_age}",
        "Vary": "Authorization, Accept-Encoding, Accept-Language",
    }


def not_modified(tag: str, max_age: int) -> Response:
    """304."""
    return Response(status_code=304, headers=headers_of(tag, max_age))


def whole(request: Request, body: bytes, max_age: int, media: str = MEDIA_OF_ROWS["json"]) -> Response:
    """An answer that is there as a whole; 304 where the client has it."""
    tag = tag_of(body)
    if unchanged(request, tag):
        return not_modified(tag, max_age)
    return Response(body, headers=headers_of(tag, max_age), media_type=media)


def modelled(request: Request, body: BaseModel, max_age: int) -> Response:
    """A described answer as JSON."""
    return whole(request, body.model_dump_json(by_alias=True).encode(), max_age)


def columnwise(head: BaseModel, columns: Mapping[str, Any]) -> bytes:
    """A described answer whose large fields are given apart: they are neither copied nor checked."""
    told = head.model_dump_json(by_alias=True, exclude={*columns}).encode()
    return told[:-1] + b"," + dumped(columns)[1:]


def table(
    request: Request, frame: pl.DataFrame, fmt: Format, max_age: int, about: Mapping[str, Any], name: str, *, bom: bool
) -> Response:
    """One frame in the form that is asked for; ``about`` stands before the rows of JSON."""
    if fmt == "geojson":
        return whole(request, geojson(frame), max_age, MEDIA_OF_ROWS[fmt])
    if fmt == "json":
        head = dumped(dict(about))[:-1]
        return whole(request, head + (b"," if about else b"") + b'"rows":' + rows_json(frame) + b"}", max_age)
    schema = dict(frame.schema)
    if fmt == "csv":
        return whole(request, b"".join(csv_parts([frame], schema, bom=bom)), max_age, MEDIA_OF_ROWS[fmt])
    tag = tag_of(rows_json(frame))
    return (
        not_modified(tag, max_age) if unchanged(request, tag) else parquet([frame], schema, about, tag, max_age, name)
    )


def csv(
    frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType], tag: str, max_age: int, name: str, *, bom: bool
) -> Response:
    """A CSV that is sent while it is read: nothing is held while the client is slow."""
    headers = headers_of(tag, max_age) | {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(csv_parts(frames, schema, bom=bom), headers=headers, media_type=MEDIA_OF_ROWS["csv"])


def parquet(
    frames: Iterable[pl.DataFrame],
    schema: Mapping[str, pl.DataType],
    about: Mapping[str, Any],
    tag: str,
    max_age: int,
    name: str,
) -> Response:
    """A Parquet file, written to disk first and gone when it is sent."""
    folder = tempfile.TemporaryDirectory(prefix="kmaflow-")
    path = Path(folder.name) / f"{name}.parquet"
    try:
        write_parquet(path, frames, dict(schema), dict(about))
    except BaseException:
        folder.cleanup()
        raise
    cleanup: Callable[[], None] = folder.cleanup
    # FileResponse makes an ETag of its own unless it is given one.
    return FileResponse(
        path,
        headers=headers_of(tag, max_age),
        media_type=MEDIA_OF_ROWS["parquet"],
        filename=path.name,
        background=BackgroundTask(cleanup),
    )


def cursor_of(question: str, start: datetime) -> str:
    """Where the next page begins: of this question only."""
    told = [f"{start:%Y%m%d%H%M}", question]
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def cursor_start(cursor: str, question: str) -> datetime:
    """Where the page begins.

    Raises:
        UsageError: no cursor of this question.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        start, of = json.loads(raw)
        if of == question:
            return datetime.strptime(start, "%Y%m%d%H%M")
    except (ValueError, TypeError):
        pass
    raise UsageError(
        "the cursor does not belong to this question",
        ko="이 요청의 cursor가 아닙니다",
        todo_en="repeat the question as it was, with the cursor of its last answer; or leave the cursor out",
        todo_ko="앞의 요청을 그대로 두고 그 응답의 cursor만 붙이거나, cursor를 빼십시오",
    )


def minutes(age: timedelta | None) -> float | None:
    """An age in minutes, to a tenth."""
    return None if age is None else round(age / MINUTE, 1)
