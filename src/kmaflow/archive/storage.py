"""Where bytes lie: a folder of this machine, or any fsspec URL. A file appears whole or not at all; a line is added without harm to the others.

Names are relative and have ``/`` between their parts. Whatever goes wrong is an ``OSError``, ``FileNotFoundError`` where there is no such file.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

if sys.platform != "win32":
    import fcntl

#: Ends the name of a file that is being written.
PART = ".part"
#: After so long without a byte, whoever was writing a file is dead.
_DEAD_SECONDS = 6 * 3600
#: A put to one of these is atomic: the object is there whole, or as it was.
_ATOMIC_PUT = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "memory"})
#: So many lines are put again with each new one into an object that nobody else writes; then another object is begun.
_LINES = 64
#: Errors of drivers that are no OSError although they mean one.
_FOREIGN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("gcsfs.retry", "HttpError"),
)


class Place(Protocol):
    """What an archive and an export need of the place where they lie."""

    def write(self, name: str, content: bytes) -> None:
        """The file, whole or not at all, also if the power goes."""

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """A path of this machine to write to; when the block ends well it is the file, whole, else nothing has changed."""

    def reading(self, name: str) -> AbstractContextManager[Path]:
        """A path of this machine with the file's content."""

    def append(self, stem: str, line: bytes) -> None:
        """One line (with its LF) into a ``.jsonl`` file whose name begins with ``stem``; many may do so at once."""

    def read(self, name: str) -> bytes:
        """The bytes of a file."""

    def read_all(self, names: Iterable[str]) -> Iterator[bytes]:
        """The bytes of many files, in this order."""

    def size(self, name: str) -> int | None:
        """How many bytes a file has, None where there is none."""

    def files(self, under: str) -> Iterator[tuple[str, int]]:
        """Name and size of every file below a folder."""

    def modified(self, name: str) -> datetime | None:
        """When a file was last changed (UTC, naive), None where the place does not tell."""

    def remove(self, name: str) -> None:
        """The file is gone; it need not have been there."""


def place(url: str) -> Place:
    """The place at a path or URL.

    Raises:
        ValueError, ImportError: no such kind of URL, or its driver is not installed.
    """
    files, root = fsspec.core.url_to_fs(url)
    return LocalPlace(Path(root)) if isinstance(files, LocalFileSystem) else RemotePlace(files, str(root))


class LocalPlace:
    """A folder, of this machine or mounted from another. Lines of all writers share one file; a lock keeps them apart."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: set[Path] = set()

    def _made_path(self, name: str) -> Path:
        path = self._root / name
        if path.parent not in self._made:
            made = [folder for folder in path.parents if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in made:
                to_disk(folder.parent)
            self._made.add(path.parent)
        return path

    def write(self, name: str, content: bytes) -> None:
        """The file, whole or not at all, also if the power goes."""
        with self._passing(self._made_path(name)) as passing:
            passing.write_bytes(content)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """As :meth:`write`; what writers that were killed have left of this file goes with it."""
        path = self._made_path(name)
        for left in path.parent.glob(f"{path.name}.*{PART}"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _DEAD_SECONDS:
                    left.unlink()
        with self._passing(path) as passing:
            yield passing

    @contextmanager
    def _passing(self, path: Path) -> Iterator[Path]:
        passing = path.with_name(f"{path.name}.{uuid4().hex}{PART}")
        try:
            yield passing
            to_disk(passing)
            passing.replace(path)
            to_disk(path.parent)
        finally:
            with suppress(OSError):
                passing.unlink(missing_ok=True)

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """The file itself."""
        yield self._root / name

    def append(self, stem: str, line: bytes) -> None:
        """One line into ``stem.jsonl``, behind whatever another writer has left there, also half a line."""
        path = self._made_path(f"{stem}.jsonl")
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _lock(handle)
            end = os.lseek(handle, 0, os.SEEK_END)
            if not end:
                to_disk(path.parent)
            else:
                os.lseek(handle, end - 1, os.SEEK_SET)
                if os.read(handle, 1) != b"\n":
                    line = b"\n" + line
            if os.write(handle, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return (self._root / name).read_bytes()

    def read_all(self, names: Iterable[str]) -> Iterator[bytes]:
        """The bytes of many files, in this order."""
        return (self.read(name) for name in names)

    def size(self, name: str) -> int | None:
        """How many bytes a file has, None where there is none."""
        try:
            return (self._root / name).stat().st_size
        except FileNotFoundError:
            return None

    def files(self, under: str) -> Iterator[tuple[str, int]]:
        """Name and size of every file below a folder."""

        def told(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        for folder, _, names in os.walk(self._root / under, onerror=told):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):
                    yield path.relative_to(self._root).as_posix(), path.stat().st_size

    def modified(self, name: str) -> datetime | None:
        """When a file was last changed."""
        try:
            return datetime.fromtimestamp((self._root / name).stat().st_mtime, UTC).replace(tzinfo=None)
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """The file is gone."""
        (self._root / name).unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """A file or folder through all caches. A name is on the disk only when its folder is; some file systems cannot do that for folders."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Wait until no other writer holds the file; given back when it is closed. Where a file system has no locks, appending must do."""
    if sys.platform != "win32":
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise


class RemotePlace:
    """An object store, or another file system of fsspec. Nothing can be appended there: every writer puts its lines into objects of its own."""

    def __init__(self, files: Any, root: str) -> None:
        self._files = files
        self._root = root.rstrip("/")
        kinds = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
        self._atomic = bool(kinds & _ATOMIC_PUT)
        self._lock = threading.Lock()
        self._writer = ""
        self._process = 0
        self._begun = 0
        #: For each stem the object that is being filled, and its lines.
        self._open: dict[str, tuple[str, list[bytes]]] = {}

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def write(self, name: str, content: bytes) -> None:
        """The file, whole or not at all."""
        self._put(name, lambda path: self._files.pipe_file(path, content))

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """As :meth:`write`, from a file of this machine that is there meanwhile."""
        with TemporaryDirectory(prefix="kmaflow-") as folder:
            yield (local := Path(folder, "file"))
            self._put(name, lambda path: self._files.put_file(str(local), path))

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """A copy on this machine."""
        with TemporaryDirectory(prefix="kmaflow-") as folder:
            local = Path(folder, "file")
            with driver_errors():
                self._files.get_file(self._path(name), str(local))
            yield local

    def _put(self, name: str, put: Callable[[str], object]) -> None:
        path = self._path(name)
        with driver_errors():
            if self._atomic:
                put(path)
                return
            self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            passing = f"{path}.{uuid4().hex}{PART}"
            try:
                put(passing)
                self._files.mv(passing, path)
            except BaseException:
                with suppress(OSError), driver_errors():
                    self._files.rm_file(passing)
                raise

    def append(self, stem: str, line: bytes) -> None:
        """One line into an object ``stem/….jsonl`` that no other writer knows."""
        with self._lock:
            if self._process != os.getpid():
                # Also after a fork: two processes never share an object.
                self._process, self._writer, self._begun, self._open = os.getpid(), uuid4().hex, 0, {}
            name, lines = self._open.get(stem, ("", []))
            if not name or len(lines) >= (_LINES if self._atomic else 1):
                self._begun += 1
                name, lines = f"{stem}/{self._writer}-{self._begun:06}.jsonl", []
            self.write(name, b"".join([*lines, line]))
            if stem not in self._open and len(self._open) >= 8:
                self._open.clear()
            self._open[stem] = name, [*lines, line]

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        with driver_errors():
            content: bytes = self._files.cat_file(self._path(name))
            return content

    def read_all(self, names: Iterable[str]) -> Iterator[bytes]:
        """The bytes of many files, in this order, fetched side by side where the driver can."""
        paths = [self._path(name) for name in names]
        with driver_errors():
            found = self._files.cat(paths) if paths else {}
            # Drivers leave out the slash that a path begins with.
            plain = {str(path).lstrip("/"): content for path, content in found.items()}
        return iter([plain[path.lstrip("/")] for path in paths])

    def size(self, name: str) -> int | None:
        """How many bytes a file has, None where there is none."""
        with driver_errors():
            try:
                return int(self._files.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def files(self, under: str) -> Iterator[tuple[str, int]]:
        """Name and size of every file below a folder, as it is now."""
        root = self._root.lstrip("/")
        with driver_errors():
            self._files.invalidate_cache()
            try:
                found = self._files.find(self._path(under), detail=True)
            except FileNotFoundError:
                found = {}
            self._files.invalidate_cache()
        for path, about in dict(found).items():
            yield str(path).lstrip("/").removeprefix(root).lstrip("/"), int(about["size"])

    def modified(self, name: str) -> datetime | None:
        """When a file was last changed, None where the driver does not tell."""
        with driver_errors():
            try:
                moment: datetime = self._files.modified(self._path(name))
            except (FileNotFoundError, NotImplementedError):
                return None
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)

    def remove(self, name: str) -> None:
        """The file is gone."""
        with driver_errors(), suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))


@contextmanager
def driver_errors() -> Iterator[None]:
    """Within, the errors of fsspec's drivers are ``OSError`` where they mean one."""
    try:
        yield
    except _foreign() as cause:
        raise OSError(f"{type(cause).__name__}: {cause}") from None


def _foreign() -> tuple[type[BaseException], ...]:
    """The foreign errors of those drivers that are loaded."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in _FOREIGN)
    return tuple(
        kind
        for kind in found
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, OSError)
    )
