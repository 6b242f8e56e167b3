"""Bodies under their SHA-256: whole or not at all, once, and never believed when damaged. A manifest that many write and no torn line spoils."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
import zstandard
from fsspec.implementations.local import LocalFileSystem

from kmaflow.archive.archive import Archive, ArchiveError, BadLine, BodyDamaged, BodyMissing, Entry, path_of
from kmaflow.archive.manifest import Manifest
from kmaflow.archive.storage import LocalPlace, RemotePlace
from kmaflow.catalog.time import Window

BODY = b"#START7777\n#7777END\n"
DIGEST = sha256(BODY).hexdigest()
WINDOW = Window(datetime(2026, 11, 22, 12), datetime(2026, 11, 22, 13))
ONE = Entry(datetime(2026, 11, 22, 13, 3), "aws_minute", 0, WINDOW, 200, DIGEST, 9, 1)


@pytest.fixture(params=["local", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty archive on the local file system, and in the object store of this process."""
    if request.param == "local":
        yield str(tmp_path / "archive")
        return
    name = f"kmaflow-{uuid4().hex}"
    yield f"memory://{name}/archive"
    if fsspec.filesystem("memory").exists(f"/{name}"):
        fsspec.filesystem("memory").rm(f"/{name}", recursive=True)


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _at(second: int, dataset: str = "aws_minute") -> Entry:
    return Entry(datetime(2026, 11, 22, 13, 0, second), dataset, 0, WINDOW, 200, DIGEST, 9, 1)


# --------------------------------------------------------------------------------------------------------- bodies


def test_a_body_is_kept_once_under_its_hash(url: str) -> None:
    archive = Archive(url)
    assert archive.keep(BODY) == archive.keep(BODY) == DIGEST
    assert [digest for digest, size in archive.bodies() if size] == [DIGEST]
    assert Archive(url).body(DIGEST) == BODY
    assert archive._place.size(f"bodies/{DIGEST[:2]}/{DIGEST[2:4]}/{DIGEST}.zst")


def test_a_failed_write_leaves_no_body_and_the_next_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(str(tmp_path))

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for step in ("fsync", "rename"):
        with monkeypatch.context() as patch:
            patch.setattr(*((os, "fsync", no_room) if step == "fsync" else (Path, "replace", no_room)))
            with pytest.raises(ArchiveError, match="No space left"):
                archive.keep(BODY)
        assert _files(tmp_path) == []
    with pytest.raises(BodyMissing, match="is not there"):
        archive.body(DIGEST)
    assert archive.keep(BODY) == DIGEST
    assert archive.body(DIGEST) == BODY


@pytest.mark.parametrize("damage", [b"", b"no zstd", zstandard.compress(b"another body")])
def test_a_damaged_body_is_told(url: str, damage: bytes) -> None:
    archive = Archive(url)
    archive.keep(BODY)
    archive._place.write(path_of(DIGEST), damage)
    with pytest.raises(BodyDamaged, match="damaged") as caught:
        archive.body(DIGEST)
    assert caught.value.code == "body_damaged"


@pytest.mark.parametrize("damage", [b"", b"no zstd", zstandard.compress(b"another body")])
def test_a_damaged_body_is_written_again_when_the_hub_gives_it_again(
    url: str, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive(url)
    archive.keep(BODY)
    archive._place.write(path_of(DIGEST), damage)
    archive.keep(BODY)
    assert archive.body(DIGEST) == BODY
    assert "is damaged" in caplog.text


def test_a_body_is_on_the_disk_before_the_line_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the rename its folder is written out, and so is every folder that was made for it."""
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    archive = Archive(str(tmp_path / "archive"))
    archive.keep(BODY)
    folder = (tmp_path / "archive" / path_of(DIGEST)).parent
    assert synced[-1] == str(folder)
    assert {str(one) for one in folder.parents} & set(synced) == {
        str(one) for one in (tmp_path, *folder.parents) if one == tmp_path or tmp_path in one.parents
    }
    synced.clear()
    archive.note(ONE)
    assert str(tmp_path / "archive" / "manifest" / "2026" / "11") in synced


def test_a_file_system_that_cannot_write_out_folders_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").is_dir():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    archive = Archive(str(tmp_path))
    archive.keep(BODY)
    archive.note(ONE)
    assert archive.body(DIGEST) == BODY


def test_a_missing_body_is_not_an_archive_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(str(tmp_path))
    with pytest.raises(BodyMissing) as missing:
        archive.body(DIGEST)
    assert missing.value.code == "body_missing"
    archive.keep(BODY)

    def refused(*_: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(ArchiveError, match="Permission denied") as caught:
        archive.body(DIGEST)
    assert not isinstance(caught.value, BodyMissing)


def test_what_a_kill_left_in_the_middle_is_no_body(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path))
    archive.keep(BODY)
    half = tmp_path / f"{path_of(DIGEST)}.0123.part"
    half.write_bytes(b"ha")
    assert [digest for digest, _ in archive.bodies()] == [DIGEST]
    assert list(archive.leftovers()) == [(f"{path_of(DIGEST)}.0123.part", 2)]
    changed = archive.modified(f"{path_of(DIGEST)}.0123.part")
    assert changed is not None
    archive.remove(f"{path_of(DIGEST)}.0123.part")
    assert list(archive.leftovers()) == []


# ------------------------------------------------------------------------------------------------------- manifest


def test_every_line_comes_back_in_the_order_of_fetching(url: str) -> None:
    archive = Archive(url)
    late = Entry(datetime(2026, 11, 22, 13, 4, 5, 6), "aws_minute", 108, WINDOW, 504, DIGEST, 9, 1)
    stations = Entry(datetime(2026, 11, 23, 0, 1), "station_AWS", 0, None, None, DIGEST, 9, 1)
    for entry in (stations, late, ONE):
        archive.note(entry)
    found = Archive(url).manifest()
    assert [(one.fetched_at, one.stn, one.window, one.status) for one in found] == [
        (ONE.fetched_at, 0, WINDOW, 200), (late.fetched_at, 108, WINDOW, 504), (stations.fetched_at, 0, None, None),
    ]  # fmt: skip
    arrived = [one.noted_at for one in found]
    assert arrived == sorted((moment for moment in arrived if moment is not None), reverse=True)
    assert [one.dataset for one in archive.entries(since=datetime(2026, 11, 23, 12))] == ["station_AWS"]


def test_answers_of_one_moment_keep_the_order_in_which_they_came(url: str) -> None:
    first, second = Archive(url), Archive(url)
    for number in range(6):
        (first, second)[number % 2].note(Entry(ONE.fetched_at, "aws_minute", number, WINDOW, 200, DIGEST, 9, 1))
    assert [one.stn for one in first.entries()] == list(range(6))


def test_the_lines_of_a_local_day_share_a_file_that_people_can_read(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path))
    archive.note(ONE)
    archive.note(Entry(datetime(2026, 11, 23, 0, 1), "station_AWS", 0, None, None, DIGEST, 9, 1))
    assert _files(tmp_path) == ["manifest/2026/11/22.jsonl", "manifest/2026/11/23.jsonl"]
    told = json.loads((tmp_path / "manifest/2026/11/22.jsonl").read_text())
    assert told.pop("noted_at")
    assert told == {
        "fetched_at": "2026-11-22T13:03:00.000000", "dataset": "aws_minute", "stn": 0, "tm_from": "2026-11-22T12:00:00",
        "tm_to": "2026-11-22T13:00:00", "status": 200, "sha256": DIGEST, "bytes": 9, "parser_version": 1,
    }  # fmt: skip


def test_lines_of_the_first_release_are_understood(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path))
    archive.note(ONE)
    path = tmp_path / "manifest/2026/11/22.jsonl"
    told = json.loads(path.read_text())
    del told["noted_at"]
    path.write_text(json.dumps(told) + "\n")
    (found,) = archive.manifest()
    assert (found, found.arrived_at) == (ONE, ONE.fetched_at)


@pytest.mark.parametrize("length", [1, 50, 150, -1])
def test_a_torn_line_is_left_out_and_nothing_is_glued_to_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, length: int
) -> None:
    archive = Archive(str(tmp_path))
    for second in (1, 2):
        archive.note(_at(second))
    path = tmp_path / "manifest/2026/11/22.jsonl"
    whole = path.read_bytes()
    first, second_line, _ = whole.split(b"\n")
    # -1: only the end of the line is missing, so nothing is lost.
    path.write_bytes(first + b"\n" + second_line[: length if length > 0 else None])
    Archive(str(tmp_path)).note(_at(3))
    bad: list[BadLine] = []
    seconds = [one.fetched_at.second for one in archive.entries(bad.append)]
    assert seconds == ([1, 3] if length > 0 else [1, 2, 3])
    expected = [BadLine("manifest/2026/11/22.jsonl:2", "cut off, or no JSON")] if length > 0 else []
    assert bad == expected
    assert len(archive.manifest()) == len(seconds)
    assert ("manifest/2026/11/22.jsonl:2 of the archive's manifest is left out" in caplog.text) == bool(expected)


def test_a_disk_that_is_full_in_the_middle_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(str(tmp_path))
    archive.note(_at(1))
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, content: real(handle, content[:40]))
        with pytest.raises(ArchiveError, match="No space left"):
            archive.note(_at(2))
    archive.note(_at(3))
    bad: list[BadLine] = []
    assert [one.fetched_at.second for one in archive.entries(bad.append)] == [1, 3]
    assert len(bad) == 1


_TOLD = {
    "fetched_at": "2026-11-22", "dataset": "x", "stn": 0, "tm_from": None, "tm_to": None, "status": 1, "sha256": DIGEST, "bytes": 1,
    "parser_version": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        *(b"{}", b"[]", b"null", b"7", b"\xff\xfe", b"oops", b'{"tm_from": 1}'),
        json.dumps({**_TOLD, "sha256": "ab"}).encode(),
        json.dumps({**_TOLD, "tm_from": "2026-11-22", "tm_to": "2026-11-22"}).encode(),
    ],
)
def test_what_is_no_line_is_told_whatever_it_is(url: str, line: bytes) -> None:
    archive = Archive(url)
    archive.note(_at(1))
    archive._place.write("manifest/2026/11/22/other.jsonl", line + b"\n\n")
    bad: list[BadLine] = []
    assert len(list(archive.entries(bad.append))) == 1
    assert [one.place for one in bad] == ["manifest/2026/11/22/other.jsonl:1"]


WRITER = """
import sys
from datetime import datetime
from kmaflow.archive.archive import Archive, Entry
archive = Archive(sys.argv[1])
for number in range(100):
    digest = archive.keep(b"shared %d" % (number % 7))
    archive.note(Entry(datetime(2026, 11, 22, 13, 3), "aws_minute", int(sys.argv[2]) * 1000 + number, None, 200, digest, 8, 1))
"""


def test_many_processes_write_into_one_archive(tmp_path: Path) -> None:
    """Nobody's line is torn or lost, also when some are killed in the middle: then whole lines are missing from the end of theirs."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(one)]) for one in range(5)]
    manifest = tmp_path / "manifest/2026/11/22.jsonl"
    while not manifest.exists() or manifest.stat().st_size < 20_000:
        assert any(writer.poll() is None for writer in writers)
    writers[0].kill()
    assert [writer.wait(60) for writer in writers][1:] == [0, 0, 0, 0]
    bad: list[BadLine] = []
    by_writer: dict[int, list[int]] = {}
    for entry in Archive(str(tmp_path)).entries(bad.append):
        by_writer.setdefault(entry.stn // 1000, []).append(entry.stn % 1000)
        assert Archive(str(tmp_path)).body(entry.sha256).startswith(b"shared")
    assert bad == []
    for one in range(1, 5):
        assert by_writer[one] == list(range(100))
    assert by_writer.get(0, []) == list(range(len(by_writer.get(0, []))))
    assert len(list(Archive(str(tmp_path)).bodies())) == 7


def test_where_nothing_can_be_appended_every_writer_has_objects_of_its_own() -> None:
    root = f"memory://kmaflow-{uuid4().hex}"
    archives = [Archive(root) for _ in range(2)]

    def write(archive: Archive, number: int) -> None:
        for second in range(50):
            archive.note(_at(second, f"{number}"))

    threads = [threading.Thread(target=write, args=(archives[one % 2], one)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Archive(root).manifest()
    assert sorted((one.dataset, one.fetched_at.second) for one in found) == [
        (f"{number}", second) for number in range(4) for second in range(50)
    ]
    names = sorted(name for name, _ in archives[0]._place.files("manifest"))
    # 100 lines of each writer, 64 of them in its first object.
    assert len(names) == 4
    assert {name.rsplit("/", 1)[0] for name in names} == {"manifest/2026/11/22"}
    fsspec.filesystem("memory").rm(root.removeprefix("memory:/"), recursive=True)


def test_a_forked_writer_begins_objects_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    root = f"memory://kmaflow-{uuid4().hex}"
    archive = Archive(root)
    archive.note(_at(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        archive.note(_at(2))
    assert len(list(archive._place.files("manifest"))) == 2
    for day in range(1, 12):
        archive.note(Entry(datetime(2026, 10, day), "aws_minute", 0, WINDOW, 200, DIGEST, 9, 1))
    assert len(archive.manifest()) == 13
    fsspec.filesystem("memory").rm(root.removeprefix("memory:/"), recursive=True)


# --------------------------------------------------------------------------------------------------------- places


def test_a_file_system_without_atomic_puts_gets_its_files_by_renaming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over SFTP: each line is a file, since one that is put again could be cut."""
    place = RemotePlace(LocalFileSystem(), str(tmp_path))
    manifest = Manifest(place)
    place.write("bodies/ab/x", b"x")
    for second in (1, 2):
        manifest.note(_at(second))
    assert len(list(manifest.entries())) == len(list(place.files("manifest"))) == 2
    assert (place.read("bodies/ab/x"), place.size("bodies/ab/x"), place.size("none")) == (b"x", 1, None)
    assert place.modified("bodies/ab/x") is not None
    assert place.modified("none") is None
    place.remove("bodies/ab/x")
    place.remove("bodies/ab/x")
    with place.writing("bodies/ab/large") as path:
        path.write_bytes(b"large")
    with place.reading("bodies/ab/large") as path:
        assert path.read_bytes() == b"large"
    place.remove("bodies/ab/large")
    assert list(place.read_all([])) == []
    assert list(place.files("bodies")) == []

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalFileSystem, "mv", no_room)
    with pytest.raises(OSError, match="No space left"):
        place.write("bodies/ab/y", b"y")
    with pytest.raises(OSError, match="No space left"), place.writing("bodies/ab/z") as path:
        path.write_bytes(b"z")
    assert list(place.files("bodies")) == []


def test_errors_of_drivers_are_errors_of_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    class EndpointConnectionError(Exception):
        pass

    driver = types.ModuleType("botocore.exceptions")
    driver.BotoCoreError = EndpointConnectionError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "botocore.exceptions", driver)
    archive = Archive("memory://kmaflow-away")

    def away(*_: object, **__: object) -> None:
        raise EndpointConnectionError("Could not connect to the endpoint URL")

    for name in ("pipe_file", "info", "find", "cat_file"):
        monkeypatch.setattr(type(archive._place._files), name, away)  # type: ignore[attr-defined]
    for use in (archive.probe, lambda: archive.keep(BODY), lambda: archive.body(DIGEST), archive.manifest):
        with pytest.raises(ArchiveError, match="Could not connect"):
            use()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EACCES])
def test_a_file_system_without_locks_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    archive = Archive(str(tmp_path))
    if number == errno.ENOLCK:
        archive.note(ONE)
        assert len(archive.manifest()) == 1
    else:
        with pytest.raises(ArchiveError, match="Permission denied"):
            archive.note(ONE)


def test_a_folder_that_may_not_be_read_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Archive(str(tmp_path)).note(ONE)

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(ArchiveError, match="Permission denied"):
        Archive(str(tmp_path)).manifest()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    archive = Archive(str(tmp_path / "file"))
    for write in (archive.probe, lambda: archive.keep(BODY), lambda: archive.note(ONE)):
        with pytest.raises(ArchiveError, match=r"cannot be|File exists|Not a directory") as caught:
            write()
        assert "KMAFLOW_ARCHIVE_URL" in str(caught.value)


def test_a_url_of_no_known_kind() -> None:
    with pytest.raises(ArchiveError, match="nonsense"):
        Archive("nonsense://bucket/x")


@pytest.mark.parametrize(("kind", "extra"), [("s3", "s3"), ("gs", "gcs"), ("abfs", None)])
def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, kind: str, extra: str | None) -> None:
    def none(*_: object) -> None:
        raise ImportError(f"Install the driver to access {kind}")

    monkeypatch.setattr("fsspec.core.url_to_fs", none)
    with pytest.raises(ArchiveError, match="Install the driver") as caught:
        Archive(f"{kind}://bucket/x")
    assert ("pip install 'kmaflow[" in str(caught.value)) == (extra is not None)


def test_no_password_is_shown() -> None:
    assert Archive("memory://user:secret@host/x").url == "memory://***@host/x"


def test_a_probe_leaves_nothing(url: str) -> None:
    archive = Archive(url)
    archive.probe()
    assert list(archive._place.files("")) == []


def test_a_probe_reads_what_it_has_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalPlace, "read", lambda *_: b"another")
    with pytest.raises(ArchiveError, match="cannot be read again"):
        Archive(str(tmp_path)).probe()


def test_what_is_given_up_is_written_down(url: str) -> None:
    archive = Archive(url)
    assert archive.kept_from is None
    month = datetime(2026, 11, 1)
    archive.keep_from(month)
    archive.keep_from(month - timedelta(days=90))
    assert Archive(url).kept_from == month
    archive._place.write("retention.json", b"{}")
    with pytest.raises(ArchiveError, match="not ours"):
        _ = archive.kept_from
