"""Bodies as they came, under their SHA-256, and a manifest that says what each was the answer to.

Layout below the URL (any fsspec file system; a local folder is the default):

    bodies/ab/cd/abcd….zst    one body, zstd; there whole or not at all, and before the line that names it
    manifest/2026/11/22…      the lines of that KST day (kmaflow.archive.manifest)
    retention.json            which bodies were given up on purpose

The archive alone can rebuild the database.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import uuid4

import zstandard

from kmaflow.archive.manifest import BadLine, Entry, Manifest
from kmaflow.archive.storage import PART, place
from kmaflow.errors import KmaflowError

__all__ = ["Archive", "ArchiveError", "BadLine", "BodyDamaged", "BodyMissing", "Entry", "sha256"]

log = logging.getLogger(__name__)

_LEVEL = 3
_BODIES = "bodies"
_RETENTION = "retention.json"
_NAME = re.compile(rf"{_BODIES}/../../([0-9a-f]{{64}})\.zst", re.ASCII)


class ArchiveError(KmaflowError):
    """A body could not be kept or found again."""

    todo_en = "check KMAFLOW_ARCHIVE_URL, free space and rights there, then run the same command again"
    todo_ko = "KMAFLOW_ARCHIVE_URL의 위치·여유 공간·권한을 확인하고 같은 명령을 다시 실행하십시오"


class BodyMissing(ArchiveError):
    """The manifest names a body that is not there."""

    code = "body_missing"
    todo_en = "bring the file back from a backup of the archive, or ask the hub again: kmaflow collect"
    todo_ko = "보관소의 백업에서 파일을 되살리거나 kmaflow collect로 다시 받으십시오"


class BodyDamaged(BodyMissing):
    """The file of a body does not hold what its name says."""

    code = "body_damaged"


def sha256(content: bytes) -> str:
    """The name of a body."""
    return hashlib.sha256(content).hexdigest()


def path_of(digest: str) -> str:
    """The file of a body below the archive's URL."""
    return f"{_BODIES}/{digest[:2]}/{digest[2:4]}/{digest}.zst"


class Archive:
    """The archive at one fsspec URL. Thread-safe; many processes and hosts may write into one archive.

    Attributes:
        url: for people, without a password.

    Raises (all methods):
        ArchiveError: the place cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = re.sub(r"//[^/@]*@", "//***@", url)
        try:
            self._place = place(url)
        except ImportError as cause:
            kind = url.split(":", 1)[0]
            extra = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}.get(kind)
            raise ArchiveError(
                f"{self.url}: {cause}",
                todo_en=f"install its driver: pip install 'kmaflow[{extra}]'" if extra else None,
                todo_ko=f"드라이버를 설치하십시오: pip install 'kmaflow[{extra}]'" if extra else None,
            ) from None
        except (ValueError, OSError) as cause:
            raise ArchiveError(f"{self.url}: {cause}") from None
        self._manifest = Manifest(self._place)

    def keep(self, content: bytes) -> str:
        """Keep a body (once); gives its SHA-256. The file appears whole or not at all; one that is damaged is written again."""
        digest = sha256(content)
        name = path_of(digest)
        with self._told("the body cannot be kept", "원문을 보관할 수 없습니다"):
            if self._place.size(name) is None or not self._is_whole(digest):
                self._place.write(name, zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(content))
        return digest

    def _is_whole(self, digest: str) -> bool:
        try:
            self.body(digest)
        except BodyMissing as damaged:
            log.warning("%s: it is written again", damaged.what)
            return False
        return True

    def note(self, entry: Entry) -> None:
        """Add a line to the manifest. Its body is kept before."""
        with self._told("the manifest cannot be written", "원문 목록을 쓸 수 없습니다"):
            self._manifest.note(entry)

    def body(self, digest: str) -> bytes:
        """A body again.

        Raises:
            BodyMissing: it is not there.
            BodyDamaged: it is not what it was.
        """
        with self._told(f"the body {digest[:12]}… cannot be read", f"원문 {digest[:12]}…을 읽을 수 없습니다"):
            try:
                packed = self._place.read(path_of(digest))
            except FileNotFoundError:
                raise BodyMissing(
                    f"{self.url}: the body {digest[:12]}… cannot be read: it is not there",
                    ko=f"{self.url}: 원문 {digest[:12]}… 파일이 없습니다",
                ) from None
        try:
            content: bytes = zstandard.ZstdDecompressor().decompress(packed)
        except zstandard.ZstdError as cause:
            raise BodyDamaged(
                f"{self.url}: the body {digest[:12]}… is damaged: {cause}",
                ko=f"{self.url}: 원문 {digest[:12]}… 손상: {cause}",
            ) from None
        if sha256(content) != digest:
            raise BodyDamaged(
                f"{self.url}: the body {digest[:12]}… is damaged: it is another one",
                ko=f"{self.url}: 원문 {digest[:12]}… 손상: 이름과 다른 내용입니다",
            )
        return content

    def entries(
        self, on_bad: Callable[[BadLine], None] | None = None, *, since: datetime | None = None
    ) -> Iterator[Entry]:
        """The manifest in the order of fetching, read day by day. What is no line is told to ``on_bad`` (by default logged).

        Args:
            since: only answers of this day (naive KST) and later ones.
        """
        with self._told("the manifest cannot be read", "원문 목록을 읽을 수 없습니다"):
            yield from self._manifest.entries(on_bad, since=since)

    def manifest(self) -> list[Entry]:
        """All entries at once, in the order of fetching."""
        return list(self.entries())

    def bodies(self) -> Iterator[tuple[str, int]]:
        """Name and packed size of every body that is there."""
        for name, size in self._files():
            if found := _NAME.fullmatch(name):
                yield found[1], size

    def leftovers(self) -> Iterator[tuple[str, int]]:
        """Name and size of every file among the bodies that is none: what a kill left in the middle."""
        for name, size in self._files():
            if name.endswith(PART):
                yield name, size

    def _files(self) -> Iterator[tuple[str, int]]:
        with self._told("the bodies cannot be listed", "보관된 원문을 열거할 수 없습니다"):
            yield from self._place.files(_BODIES)

    def modified(self, name: str) -> datetime | None:
        """When a file was last changed (UTC, naive), if the place tells."""
        with self._told(f"{name} cannot be looked at", f"파일을 확인할 수 없습니다: {name}"):
            return self._place.modified(name)

    def remove(self, name: str) -> None:
        """Remove a file for good."""
        with self._told(f"{name} cannot be removed", f"파일을 삭제할 수 없습니다: {name}"):
            self._place.remove(name)

    @property
    def kept_from(self) -> datetime | None:
        """Bodies that only answers name which came before this moment (naive KST) may be gone on purpose; None if none ever were."""
        with self._told("retention.json cannot be read", "retention.json을 읽을 수 없습니다"):
            try:
                return datetime.fromisoformat(json.loads(self._place.read(_RETENTION))["kept_from"])
            except FileNotFoundError:
                return None
            except (ValueError, KeyError, TypeError) as cause:
                raise ArchiveError(
                    f"{self.url}: retention.json is not ours: {type(cause).__name__}",
                    ko=f"{self.url}: kmaflow의 retention.json이 아닙니다: {type(cause).__name__}",
                ) from None

    def keep_from(self, moment: datetime) -> None:
        """Write down that bodies which only older answers name are given up. The moment never goes back."""
        moment = max(moment, self.kept_from or moment)
        with self._told("retention.json cannot be written", "retention.json을 쓸 수 없습니다"):
            self._place.write(_RETENTION, f"{json.dumps({'kept_from': moment.isoformat()})}\n".encode())

    def probe(self) -> None:
        """Write, read and remove a small file: proves that the archive works."""
        name = f"probe.{uuid4().hex}"
        with self._told("cannot be written", "쓸 수 없습니다"):
            self._place.write(name, b"kmaflow")
            same = self._place.read(name) == b"kmaflow"
            self._place.remove(name)
        if not same:
            raise ArchiveError(
                f"{self.url}: what was written there cannot be read again",
                ko=f"{self.url}: 쓴 파일을 다시 읽을 수 없습니다",
            )

    @contextmanager
    def _told(self, what: str, ko: str) -> Iterator[None]:
        try:
            yield
        except OSError as cause:
            raise ArchiveError(
                f"{self.url}: {what}: {cause.strerror or cause}", ko=f"{self.url}: {ko}: {cause.strerror or cause}"
            ) from None
