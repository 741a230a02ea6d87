"""Everything of one Studio as a stream, and into another."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.api.graphs import code_of, png, run, solid, upload
from tests.api.studio_process import RunningStudio, run_studio
from tests.fakes.bootstrap_family import wait_for

SECRET = "canary-secret-of-the-export-51c0"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with run_studio(tmp_path_factory.mktemp("first")) as running:
        yield running


@pytest.fixture
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with run_studio(tmp_path_factory.mktemp("second")) as running:
        yield running


def exported(studio: RunningStudio, **asked: str) -> bytes:
    with studio.console() as owner:
        answer = owner.get("/api/system/export", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.content


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: f.read() for m in tar.getmembers() if (f := tar.extractfile(m)) is not None}


def apply(studio: RunningStudio, owner: httpx.Client) -> None:
    with studio.console() as console:
        assert console.post("/api/system/import/apply").status_code == 202
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline, studio.log.read_text()[-3000:]
        try:
            answer = owner.get("/api/system/import")
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code == 200 and answer.json()["staged"] is None:
            return
        time.sleep(0.1)


def test_an_export_has_everything_but_secrets_and_another_studio_takes_it_over(
    first: RunningStudio, second: RunningStudio
) -> None:
    with first.client() as owner:
        job = run(owner, solid())
        assert owner.put("/api/secrets/TOKEN", json={"value": SECRET}).status_code < 300
    data = exported(first)
    assert SECRET.encode() not in data
    content = members(data)
    manifest = json.loads(content["studio-backup.json"])
    assert (manifest["assets"], manifest["secrets"], manifest["missing"]) == (True, False, 0)
    assert manifest["members"] == len(content) - 1
    with second.client() as owner:
        other = upload(owner, png(), "of the second.png")
        staged = owner.post("/api/system/import", content=data)
        assert staged.status_code == 200, staged.text
        assert owner.get(f"/api/v2/assets/{other['id']}").status_code == 200, "nothing changed yet"
        apply(second, owner)
        taken = owner.get(f"/api/jobs/{job['id']}").json()
        assert taken["status"] == "succeeded"
        [output] = taken["outputs"]
        assert owner.get(f"/api/v2/assets/{output['id']}/content").status_code == 200
        assert owner.get(f"/api/v2/assets/{other['id']}").status_code == 404
        # It works on: not only what was stored is there.
        assert run(owner, solid())["status"] == "succeeded"
    kept = second.folder / staged.json()["kept_as"]
    assert (kept / "db" / "studio.db").is_file()
    assert list((kept / "assets").rglob("*"))


def test_an_export_with_secrets_says_so_and_one_without_assets_has_none(
    first: RunningStudio, tmp_path: Path
) -> None:
    with first.client() as owner:
        run(owner, solid())
        assert owner.put("/api/secrets/TOKEN", json={"value": SECRET}).status_code < 300
    content = members(exported(first, secrets="1", assets="0"))
    assert not [name for name in content if name.startswith("assets/")]
    manifest = json.loads(content["studio-backup.json"])
    assert (manifest["assets"], manifest["secrets"]) == (False, True)
    (tmp_path / "studio.db").write_bytes(content["db/studio.db"])
    with closing(sqlite3.connect(tmp_path / "studio.db")) as connection:
        assert (SECRET,) in connection.execute("SELECT value FROM secrets").fetchall()


def test_an_archive_without_assets_leaves_those_that_are_here(first: RunningStudio) -> None:
    with first.client() as owner:
        job = run(owner, solid())
        data = exported(first, assets="0")
        staged = owner.post("/api/system/import", content=data)
        assert (staged.status_code, staged.json()["missing"]) == (200, 0), staged.text
        apply(first, owner)
        [output] = owner.get(f"/api/jobs/{job['id']}").json()["outputs"]
        assert owner.get(f"/api/v2/assets/{output['id']}/content").status_code == 200


def test_what_is_no_archive_is_refused_and_nothing_can_be_put_in_place(
    first: RunningStudio,
) -> None:
    data = exported(first)
    with first.client() as owner:
        for spoilt in (b"", b"no archive" * 9999, data[: len(data) // 2], data[:-20_000]):
            answer = owner.post("/api/system/import", content=spoilt)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
        assert owner.get("/api/system/import").json() == {"staged": None}
    with first.console() as console:
        assert console.post("/api/system/import/apply").status_code == 404
    assert not (first.folder / ".restore").exists()


def test_an_archive_that_was_forgotten_leaves_nothing(first: RunningStudio) -> None:
    with first.console() as owner:
        assert owner.post("/api/system/import", content=exported(first)).status_code == 200
        assert owner.delete("/api/system/import").status_code == 204
        assert owner.post("/api/system/import/apply").status_code == 404
    assert not (first.folder / ".restore").exists()


def test_whoever_leaves_in_the_midst_of_an_export_does_not_keep_the_next_from_it(
    first: RunningStudio,
) -> None:
    with first.client() as owner, owner.stream("GET", "/api/system/export") as answer:
        assert answer.status_code == 200
    deadline = time.monotonic() + 60
    with first.client() as owner:
        while (answer := owner.get("/api/system/export")).status_code == 409:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert answer.status_code == 200
    assert not (first.folder / "db" / ".export.db").exists()


def test_a_large_export_that_is_left_halfway_leaves_nothing_and_keeps_studio_from_no_end(
    tmp_path: Path,
) -> None:
    noise = io.BytesIO()
    Image.frombytes("RGB", (1800, 1800), os.urandom(1800 * 1800 * 3)).save(noise, "PNG")
    with run_studio(tmp_path, engine=False) as studio:
        with studio.client() as owner:
            assert len(noise.getvalue()) > 8 << 20
            upload(owner, noise.getvalue(), "noise.png")
            with owner.stream("GET", "/api/system/export") as answer:
                assert answer.status_code == 200
                next(answer.iter_raw(1 << 20))
        copy = studio.folder / "db" / ".export.db"
        wait_for(lambda: not copy.exists(), timeout_s=60)
        studio.process.send_signal(signal.SIGTERM)
        assert studio.process.wait(120) == 0


def test_a_key_reads_no_secrets_and_replaces_nothing(first: RunningStudio) -> None:
    with first.client() as program:
        name = program.post("/api/system/backups").json()["name"]
        assert program.post("/api/system/import", content=exported(first)).status_code == 200
        for method, path in (
            ("GET", f"/api/system/backups/{name}"),
            ("GET", "/api/system/export?secrets=1"),
            ("POST", "/api/system/import/apply"),
        ):
            answer = program.request(method, path)
            assert (answer.status_code, code_of(answer)) == (403, "session_required"), path
        assert program.delete("/api/system/import").status_code == 204


def test_snapshots_are_listed_taken_and_downloaded(first: RunningStudio, tmp_path: Path) -> None:
    with first.console() as owner:
        taken = owner.post("/api/system/backups")
        assert taken.status_code == 201, taken.text
        listed = owner.get("/api/system/backups").json()
        assert (listed["keep_newest"], listed["keep_days"], listed["trouble"]) == (3, 7, None)
        assert listed["snapshots"][0] == taken.json()
        assert taken.json()["reason"] == "manual"
        path = f"/api/system/backups/{taken.json()['name']}"
        (tmp_path / "snapshot.db").write_bytes(owner.get(path).content)
        assert owner.get("/api/system/backups/studio.db").status_code == 404
        assert owner.get("/api/system/backups/..%2Fstudio.db").status_code == 404
    with closing(sqlite3.connect(tmp_path / "snapshot.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
