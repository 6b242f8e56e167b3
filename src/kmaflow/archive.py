"""Bodies as they came, under their SHA-256, and a manifest that says what each was the answer to.

Layout below the URL (any fsspec file system; the local one is the default):

    bodies/ab/cd/abcd….zst       one body, zstd
    manifest/2026/11/22.jsonl    append-only, one line per request of that KST day

The archive alone can rebuild the database.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import fsspec
import zstandard

from kmaflow.catalog.time import Window
from kmaflow.errors import KmaflowError

_LEVEL = 3


class ArchiveError(KmaflowError):
    """A body could not be kept or found again."""

    todo_en = "check KMAFLOW_ARCHIVE_URL, free space and rights there, then run the same command again"
    todo_ko = "KMAFLOW_ARCHIVE_URL의 위치·여유 공간·권한을 확인하고 같은 명령을 다시 하십시오"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the manifest: times are naive KST, ``stn`` 0 = all stations, ``window`` None for station lists."""

    fetched_at: datetime
    dataset: str
    stn: int
    window: Window | None
    status: int | None
    sha256: str
    bytes: int
    parser_version: int

    def line(self) -> str:
        """The entry as one line of JSON."""
        return json.dumps(
            {
                "fetched_at": self.fetched_at.isoformat(timespec="microseconds"),
                "dataset": self.dataset,
                "stn": self.stn,
                "tm_from": self.window.start.isoformat() if self.window else None,
                "tm_to": self.window.end.isoformat() if self.window else None,
                "status": self.status,
                "sha256": self.sha256,
                "bytes": self.bytes,
                "parser_version": self.parser_version,
            }
        )


def sha256(content: bytes) -> str:
    """The name of a body."""
    return hashlib.sha256(content).hexdigest()


class Archive:
    """The archive at one fsspec URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as cause:
            raise ArchiveError(f"{url}: {cause}") from None
        self._made: set[str] = set()

    def _path(self, digest: str) -> str:
        return f"{self._root}/bodies/{digest[:2]}/{digest[2:4]}/{digest}.zst"

    def _folder(self, path: str) -> None:
        folder = path.rsplit("/", 1)[0]
        if folder not in self._made:
            self._files.makedirs(folder, exist_ok=True)
            self._made.add(folder)

    def keep(self, content: bytes) -> str:
        """Keep a body (once); gives its SHA-256. The file appears whole or not at all."""
        digest = sha256(content)
        path = self._path(digest)
        try:
            if not self._files.exists(path):
                self._folder(path)
                passing = f"{path}.{uuid4().hex}.part"
                with self._files.open(passing, "wb") as file:
                    file.write(zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(content))
                self._files.mv(passing, path)
        except OSError as cause:
            raise ArchiveError(f"{self.url}: the body cannot be kept: {cause.strerror or cause}") from None
        return digest

    def probe(self) -> None:
        """Write, read and remove a small file: proves that the archive works."""
        path = f"{self._root}/probe.{uuid4().hex}"
        try:
            self._folder(path)
            with self._files.open(path, "wb") as file:
                file.write(b"kmaflow")
            self._files.rm(path)
        except OSError as cause:
            raise ArchiveError(f"{self.url}: cannot be written: {cause.strerror or cause}") from None

    def note(self, entry: Entry) -> None:
        """Add a line to the manifest of its day."""
        path = f"{self._root}/manifest/{entry.fetched_at:%Y/%m/%d}.jsonl"
        try:
            self._folder(path)
            with self._files.open(path, "ab") as file:
                file.write(f"{entry.line()}\n".encode())
        except OSError as cause:
            raise ArchiveError(f"{self.url}: the manifest cannot be written: {cause.strerror or cause}") from None

    def body(self, digest: str) -> bytes:
        """A body again.

        Raises:
            ArchiveError: it is not there, or not what it was.
        """
        try:
            with self._files.open(self._path(digest), "rb") as file:
                content: bytes = zstandard.ZstdDecompressor().decompress(file.read())
        except (OSError, zstandard.ZstdError) as cause:
            raise ArchiveError(f"{self.url}: the body {digest[:12]}… cannot be read: {cause}") from None
        if sha256(content) != digest:
            raise ArchiveError(f"{self.url}: the body {digest[:12]}… is damaged")
        return content

    def manifest(self) -> list[dict[str, Any]]:
        """All lines of the manifest, in the order of days."""
        lines: list[dict[str, Any]] = []
        for path in sorted(self._files.glob(f"{self._root}/manifest/**/*.jsonl")):
            with self._files.open(path, "rb") as file:
                lines += [json.loads(line) for line in file.read().splitlines() if line.strip()]
        return lines
