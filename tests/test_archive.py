"""Bodies under their SHA-256: whole or not at all, once, and never believed when damaged."""

from __future__ import annotations

import errno
import json
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import fsspec
import pytest
import zstandard

from kmaflow.archive import Archive, ArchiveError, Entry
from kmaflow.catalog.time import Window

BODY = b"#START7777\n#7777END\n"
DIGEST = sha256(BODY).hexdigest()


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_body_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path))
    assert archive.keep(BODY) == archive.keep(BODY) == DIGEST
    assert _files(tmp_path) == [f"bodies/{DIGEST[:2]}/{DIGEST[2:4]}/{DIGEST}.zst"]
    assert Archive(str(tmp_path)).body(DIGEST) == BODY


def test_any_fsspec_url_will_do() -> None:
    archive = Archive("memory://kmaflow-test")
    archive.probe()
    assert archive.body(archive.keep(BODY)) == BODY
    fsspec.filesystem("memory").rm("/kmaflow-test", recursive=True)


def test_a_failed_write_leaves_no_body_and_the_next_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(str(tmp_path))

    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(archive._files), "mv", no_room)
        with pytest.raises(ArchiveError, match="No space left"):
            archive.keep(BODY)
    with pytest.raises(ArchiveError, match="cannot be read"):
        archive.body(DIGEST)
    assert archive.keep(BODY) == DIGEST
    assert archive.body(DIGEST) == BODY


@pytest.mark.parametrize("damage", [b"", b"no zstd", zstandard.compress(b"another body")])
def test_a_damaged_body_is_told(tmp_path: Path, damage: bytes) -> None:
    archive = Archive(str(tmp_path))
    archive.keep(BODY)
    next(tmp_path.rglob("*.zst")).write_bytes(damage)
    with pytest.raises(ArchiveError, match=r"damaged|cannot be read"):
        archive.body(DIGEST)


def test_the_manifest_has_a_line_for_each_request_in_the_order_of_days(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path))
    window = Window(datetime(2026, 11, 22, 12), datetime(2026, 11, 22, 13))
    archive.note(Entry(datetime(2026, 11, 23, 0, 1), "station_AWS", 0, None, None, DIGEST, 9, 1))
    archive.note(Entry(datetime(2026, 11, 22, 13, 3), "aws_minute", 0, window, 200, DIGEST, 9, 1))
    archive.note(Entry(datetime(2026, 11, 22, 13, 4, 5, 6), "aws_minute", 108, window, 504, DIGEST, 9, 1))
    found = archive.manifest()
    assert [(line["dataset"], line["stn"], line["status"]) for line in found] == [
        ("aws_minute", 0, 200), ("aws_minute", 108, 504), ("station_AWS", 0, None),
    ]  # fmt: skip
    assert found[1]["fetched_at"] == "2026-11-22T13:04:05.000006"
    assert (found[0]["tm_from"], found[0]["tm_to"], found[2]["tm_to"]) == (
        "2026-11-22T12:00:00",
        "2026-11-22T13:00:00",
        None,
    )
    assert _files(tmp_path) == ["manifest/2026/11/22.jsonl", "manifest/2026/11/23.jsonl"]
    assert json.loads((tmp_path / "manifest/2026/11/23.jsonl").read_text())["sha256"] == DIGEST


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    archive = Archive(str(tmp_path / "file"))
    entry = Entry(datetime(2026, 11, 22), "aws_minute", 0, None, 200, DIGEST, 9, 1)
    for write in (archive.probe, lambda: archive.keep(BODY), lambda: archive.note(entry)):
        with pytest.raises(ArchiveError, match="cannot be") as caught:
            write()
        assert "KMAFLOW_ARCHIVE_URL" in str(caught.value)


def test_a_url_of_no_known_kind() -> None:
    with pytest.raises(ArchiveError, match="nonsense"):
        Archive("nonsense://bucket/x")


def test_a_probe_leaves_nothing(tmp_path: Path) -> None:
    Archive(str(tmp_path / "new")).probe()
    assert _files(tmp_path) == []
