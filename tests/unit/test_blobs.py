from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from blake3 import blake3

from studio.errors import BlobNotFound, DiskFull, InvalidRequest, StorageUnavailable
from studio.store.blob_writer import read_small
from studio.store.blobs import BlobStore, StagedBlob, is_hash


def stage(store: BlobStore, data: bytes) -> StagedBlob:
    writer = store.writer()
    writer.write(data)
    return writer.finish()


def name_of(data: bytes) -> str:
    return f"blake3:{blake3(data).hexdigest()}"


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_published_blob_lies_under_its_hash(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "assets")
    staged = stage(store, b"hello")
    store.publish(staged)
    digest = blake3(b"hello").hexdigest()
    path = tmp_path / "assets" / digest[:2] / digest
    assert path.read_bytes() == b"hello"
    assert store.path(staged.hash) == path.resolve()
    assert staged.hash == f"blake3:{digest}"
    assert path.stat().st_mode & 0o077 == 0


def test_a_writer_reports_length_and_the_first_four_kilobytes(tmp_path: Path) -> None:
    writer = BlobStore(tmp_path).writer()
    data = os.urandom(10_000)
    for start in range(0, len(data), 777):
        writer.write(data[start : start + 777])
    staged = writer.finish()
    assert (staged.size_bytes, staged.head) == (10_000, data[:4096])
    assert staged.hash == name_of(data)
    assert staged.path.read_bytes() == data


@pytest.mark.parametrize("size_hint", [None, 0, 5, 3, 100_000])
def test_a_wrong_size_hint_does_not_change_the_bytes(tmp_path: Path, size_hint: int | None) -> None:
    writer = BlobStore(tmp_path).writer(size_hint)
    writer.write(b"hello")
    assert writer.finish().path.read_bytes() == b"hello"


def test_publishing_the_same_bytes_twice_keeps_one_file(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.publish(stage(store, b"same"))
    store.publish(stage(store, b"same"))
    assert files_of(tmp_path) == [store.path(name_of(b"same"))]


def test_publishing_repairs_a_blob_that_was_damaged_and_kept_its_length(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    staged = stage(store, b"whole")
    store.publish(staged)
    store.path(staged.hash).write_bytes(b"w\0\0le")
    store.publish(stage(store, b"whole"))
    assert store.path(staged.hash).read_bytes() == b"whole"
    assert len(files_of(tmp_path)) == 1


def test_publishing_again_after_a_rollback_changes_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    staged = stage(store, b"whole")
    store.publish(staged)
    store.publish(staged)
    assert store.path(staged.hash).read_bytes() == b"whole"
    store.path(staged.hash).unlink()
    with pytest.raises(StorageUnavailable):
        store.publish(staged)


def test_a_second_name_of_the_published_file_is_let_go(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    staged = stage(store, b"whole")
    store.publish(staged)
    staged.path.hardlink_to(store.path(staged.hash))
    store.publish(staged)
    assert [path.read_bytes() for path in files_of(tmp_path)] == [b"whole"]


def test_publishing_repairs_a_blob_that_was_cut_short(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.publish(stage(store, b"whole"))
    store.path(name_of(b"whole")).write_bytes(b"who")
    store.publish(stage(store, b"whole"))
    assert store.path(name_of(b"whole")).read_bytes() == b"whole"


def test_an_aborted_writer_leaves_nothing_and_refuses_more(tmp_path: Path) -> None:
    writer = BlobStore(tmp_path).writer()
    writer.write(b"half")
    writer.abort()
    writer.abort()
    assert files_of(tmp_path) == []
    with pytest.raises(StorageUnavailable):
        writer.write(b"more")


def test_aborting_during_writes_of_another_thread_leaves_nothing(tmp_path: Path) -> None:
    writer = BlobStore(tmp_path).writer()
    started = threading.Event()

    def write_on() -> None:
        with contextlib.suppress(StorageUnavailable):
            while True:
                writer.write(b"x" * 65_536)
                started.set()

    thread = threading.Thread(target=write_on)
    thread.start()
    assert started.wait(10)
    writer.abort()
    thread.join(10)
    assert not thread.is_alive()
    assert files_of(tmp_path) == []


def test_a_discarded_blob_is_gone(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    staged = stage(store, b"unwanted")
    store.discard(staged)
    store.discard(staged)
    assert files_of(tmp_path) == []


@pytest.mark.parametrize(
    "text",
    ["", "blake3:", "blake3:../../etc", "sha256:" + "a" * 64, "blake3:" + "A" * 64, "a" * 64],
)
def test_only_blake3_hashes_have_a_path(tmp_path: Path, text: str) -> None:
    store = BlobStore(tmp_path)
    assert not is_hash(text)
    assert not store.exists(text)
    with pytest.raises(BlobNotFound):
        store.path(text)


def test_a_removed_blob_no_longer_exists(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    staged = stage(store, b"x")
    store.publish(staged)
    store.release(staged)
    assert store.exists(name_of(b"x"))
    store.remove(name_of(b"x"))
    store.remove(name_of(b"x"))
    assert not store.exists(name_of(b"x"))


@pytest.mark.parametrize("placed", [True, False])
def test_bytes_stay_through_rolled_back_transactions_until_their_row_is_committed(
    tmp_path: Path, placed: bool
) -> None:
    store = BlobStore(tmp_path / "assets")
    source = tmp_path / "out.png"
    source.write_bytes(b"x")
    first, second = (store.stage_file(source) if placed else stage(store, b"x") for _ in range(2))
    store.publish(first)
    store.remove(name_of(b"x"))
    store.publish(first)
    store.publish(second)
    store.release(first)
    store.remove(name_of(b"x"))
    assert store.exists(name_of(b"x"))
    store.discard(second)
    store.remove(name_of(b"x"))
    assert not store.exists(name_of(b"x"))


def test_staging_an_engine_file_copies_it_and_leaves_it_alone(tmp_path: Path) -> None:
    source = tmp_path / "out.png"
    data = os.urandom(3_000_000)
    source.write_bytes(data)
    staged = BlobStore(tmp_path / "assets").stage_file(source)
    assert staged.hash == name_of(data)
    assert staged.path.stat().st_ino != source.stat().st_ino
    assert source.read_bytes() == data


def test_staging_refuses_links_folders_and_pipes(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    link, pipe = tmp_path / "link.png", tmp_path / "pipe.png"
    link.symlink_to(secret)
    os.mkfifo(pipe)
    store = BlobStore(tmp_path / "assets")
    for source in (link, pipe, tmp_path):
        with pytest.raises(InvalidRequest):
            store.stage_file(source)
    with pytest.raises(FileNotFoundError):
        store.stage_file(tmp_path / "none.png")
    assert files_of(tmp_path / "assets") == []


def test_a_file_behind_a_linked_folder_is_outside_of_its_root(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "output", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "secret.png").write_bytes(b"secret")
    (root / "linked").symlink_to(elsewhere)
    (root / "own.png").write_bytes(b"its own")
    store = BlobStore(tmp_path / "assets")
    assert store.stage_file(root / "own.png", root).size_bytes == 7
    with pytest.raises(InvalidRequest, match="outside"):
        store.stage_file(root / "linked" / "secret.png", root)
    with pytest.raises(InvalidRequest, match="outside"):
        read_small(f"{root}/linked/secret.png", root, 6)


def test_staging_is_cleared_of_other_processes_files_only(tmp_path: Path) -> None:
    stale = BlobStore(tmp_path).writer()
    stale.write(b"from a process that died")
    store = BlobStore(tmp_path)
    live = store.writer()
    live.write(b"alive")
    assert store.clear_staging() == 1
    assert live.finish().path.read_bytes() == b"alive"


def test_hashes_lists_blobs_and_nothing_else(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    store.publish(stage(store, b"one"))
    stage(store, b"only staged")
    (tmp_path / "aa" / "bb").mkdir(parents=True, exist_ok=True)
    (tmp_path / "aa" / "bb" / "README").write_text("not a blob")
    assert list(store.hashes()) == [name_of(b"one")]
    assert store.missing([name_of(b"one"), name_of(b"two")]) == (name_of(b"two"),)


def test_a_quota_that_free_space_hides_refuses_before_bytes_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over_quota(handle: int, offset: int, length: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    writes: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", over_quota)
    monkeypatch.setattr(os, "write", lambda handle, data: writes.append(handle))
    writer = BlobStore(tmp_path).writer(10_000_000)
    with pytest.raises(DiskFull):
        writer.write(b"first chunk")
    assert writes == []
    monkeypatch.undo()
    writer.abort()
    assert files_of(tmp_path) == []


def test_an_fsync_that_fails_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = BlobStore(tmp_path).writer()
    writer.write(b"data")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageUnavailable):
        writer.finish()


FULL_DISK = """
import resource, sys
from pathlib import Path
from studio.errors import DiskFull
from studio.store.blobs import BlobStore
store = BlobStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
for hint in (None, 5_000_000):
    writer = store.writer(hint)
    try:
        for _ in range(50):
            writer.write(b"x" * 100_000)
        writer.finish()
    except DiskFull:
        writer.abort()
    else:
        sys.exit("five megabytes went into one")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer = store.writer(5_000_000)
writer.write(b"x" * 5_000_000)
store.publish(writer.finish())
"""


def test_a_full_disk_is_named_and_forgotten_when_space_returns(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert [path.stat().st_size for path in files_of(tmp_path)] == [5_000_000]
