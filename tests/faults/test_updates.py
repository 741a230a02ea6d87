"""Updates of a real box: what a good release leaves alone, and how a bad one is left again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from boot.releases import read_version
from tests.fakes.comfy import FakeComfy
from tests.fakes.release_repo import allow_signer, make_key, version_text
from tests.faults.family import members
from tests.faults.harness import ROOT, until, until_it
from tests.faults.update_rig import Rig, make_picture, picture, require_picture, rig

RUNS = read_version(ROOT).version


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


async def test_a_good_update_keeps_the_engine_at_work_and_every_job(box: Rig) -> None:
    box.box.start()
    async with box.box.api() as api:
        before = members(box.box)
        first = await box.first()
        done = await make_picture(api)
        begun = await api.client.post(
            "/api/uploads", json={"name": "a.bin", "size_bytes": 20 << 20}
        )
        upload, size = f"/api/uploads/{begun.json()['id']}", begun.json()["part_bytes"]
        part = await api.client.put(f"{upload}/parts/0", content=bytes(size))
        assert part.status_code == 200, part.text
        commit = box.release()
        await box.check(api)
        long = await api.submit(picture(2, steps=150))
        behind = await api.submit(picture(3))
        await api.wait(long, ["running"])
        await box.apply(api, commit)
        said = await box.settled(api)
        jobs = await api.wait_all([done, long, behind], within_s=240)
        await api.client.put(f"{upload}/parts/1", content=bytes((20 << 20) - size))
        whole = await api.client.post(f"{upload}/complete")
        assert whole.status_code == 201, whole.text

        assert said["installed"]["version"] == "0.2.0"
        assert said["failure"] is None and said["rolled_back"] is None
        assert box.current() == f"0.2.0-{commit[:12]}" != first
        assert [job["status"] for job in jobs] == ["succeeded"] * 3
        assert [len(job["outputs"]) for job in jobs] == [1] * 3
        after = members(box.box)
        assert (after["engine"], after["studio"] != before["studio"]) == (before["engine"], True)

        # One click back, which another one undoes.
        assert said["previous"]["release"] == first
        answer = await api.client.post("/api/system/updates/back")
        assert answer.status_code == 202, answer.text
        said = await box.settled(api)
        assert (box.current(), said["previous"]["version"]) == (first, "0.2.0")
        await require_picture(api, done)


@pytest.mark.parametrize(
    ("name", "text", "step"),
    [
        ("studio/server.py", "\nraise RuntimeError('it does not import')\n", "import"),
        ("studio/cli/serve.py", "\nraise SystemExit('it does not start')\n", "rehearse"),
        ("studio/clients/comfy.py", "\nComfyClient.submit = None\n", "rehearse"),
        ("frontend/index.html", None, "rehearse"),
    ],
)
async def test_a_release_that_fails_before_it_is_armed_changes_nothing(
    box: Rig, name: str, text: str | None, step: str
) -> None:
    box.box.start()
    async with box.box.api() as api:
        first, job = await box.first(), await make_picture(api)
        before = members(box.box)
        files = box.append(name, text) if text else {name: "a page without a script"}
        await box.apply(api, box.release(**files))
        said = await box.settled(api)
        assert (said["failure"]["step"], said["failure"]["code"]) == (step, "update_refused")
        if text and "it does not" in text:
            assert text.strip().split("'")[1] in said["failure"]["message"]
        assert (box.current(), members(box.box)) == (first, before)
        await require_picture(api, job)
    left = [path.name for path in (box.studio_dir / "releases").iterdir() if path.is_dir()]
    assert sorted(name for name in left if not name.startswith(".")) == [first]


@pytest.mark.parametrize(
    ("name", "harm", "why", "deadline_s"),
    [
        ("studio/cli/serve.py", "os._exit(9)", "It ended", "900"),
        ("studio/cli/serve.py", "os._exit(78)", "It ended", "900"),
        ("studio/cli/serve.py", "import time; time.sleep(3600)", "to work within 5 s", "5"),
        (
            "studio/store/prefs.py",
            "async def _put(self, key, value):\n        raise StorageUnavailable('no room')\n"
            "    from studio.errors import StorageUnavailable\n    PrefStore.put = _put",
            "The database takes nothing: no room",
            "900",
        ),
        (
            "studio/services/engine.py",
            "Engine.ready = property(lambda self: False)",
            "answers, and Studio does not use it",
            "900",
        ),
    ],
)
async def test_a_release_that_does_not_prove_itself_is_left_again(
    tmp_path: Path, name: str, harm: str, why: str, deadline_s: str
) -> None:
    with rig(tmp_path, UPDATE_DEADLINE_S=deadline_s) as box:
        box.box.start()
        async with box.box.api() as api:
            first, job = await box.first(), await make_picture(api)
            engine = members(box.box)["engine"]
            commit = box.release(**box.on_trial(name, harm))
            await box.apply(api, commit)

            async def is_back() -> bool:
                said = await box.status(api)
                return bool(said and said["rolled_back"])

            await until_it(is_back, "it is rolled back", within_s=240)
            said = await box.settled(api)
            assert said["rolled_back"]["release"] == f"0.2.0-{commit[:12]}"
            assert why in said["rolled_back"]["why"]
            assert (
                said["installed"]["version"]
                == json.loads((box.app / "version.json").read_text())["version"]
            )
            assert box.current() == first
            assert members(box.box)["engine"] == engine
            await require_picture(api, job)
            notices = (await api.ready()).json()["notices"]
            assert any("was taken back" in notice for notice in notices)
            diary = (await api.client.get("/api/activity")).json()["items"]
            assert "update.rolled_back" in {entry["kind"] for entry in diary}
            await api.client.delete("/api/system/updates/notice")
            assert (await box.status(api) or {})["rolled_back"] is None


async def test_an_engine_that_breaks_meanwhile_does_not_roll_a_good_release_back(
    tmp_path: Path,
) -> None:
    engine = FakeComfy()
    await engine.start()
    armed = tmp_path / "studio/releases/armed.json"
    with rig(tmp_path, STUDIO_ENGINE=engine.url) as box:
        box.box.start()
        async with box.box.api() as api:
            # Only one thing is staged at a time.
            await box.first()
            commit = box.release()
            await box.apply(api, commit)

            await until(armed.exists, "it is armed", within_s=120)
            await engine.stop()
            said = await box.settled(api)
            assert said["installed"]["version"] == "0.2.0"
            assert said["rolled_back"] is None


async def test_an_older_release_is_refused_when_it_could_not_write_the_database(
    box: Rig,
) -> None:
    box.box.start()
    async with box.box.api() as api:
        await box.first()
        await box.apply(api, box.release())
        await box.settled(api)
    box.box.terminate()
    with sqlite3.connect(box.studio_dir / "db/studio.db") as database:
        database.execute("UPDATE meta SET value = '999' WHERE key = 'min_writer'")
    database.close()
    box.box.start()
    async with box.box.api() as api:
        before = box.current()
        await api.client.post("/api/system/updates/back")
        said = await box.settled(api)
        assert said["failure"]["step"] == "import"
        assert "the database needs 999" in said["failure"]["message"]
        assert box.current() == before


async def test_a_release_that_is_not_signed_must_be_allowed_on_purpose(box: Rig) -> None:
    box.box.start()
    async with box.box.api() as api:
        first = await box.first()
        commit = box.release()
        found = (await box.check(api))["available"]
        assert (found["trust"], found["refused"]) == ("unsigned", None)
        asked = {"commit": commit, "allow_downgrade": True}
        answer = await api.client.post("/api/system/updates/apply", json=asked)
        assert answer.status_code == 409
        assert answer.json()["error"]["details"] == {"reason": "unverified"}
        assert box.current() == first
        await box.apply(api, commit)
        assert (await box.settled(api))["failure"] is None
        assert box.current() != first


async def test_a_release_that_leaves_no_way_back_is_refused(box: Rig) -> None:
    box.box.start()
    async with box.box.api() as api:
        first, job = await box.first(), await make_picture(api)
        raised = """
MIGRATIONS = (
    *MIGRATIONS,
    lambda connection: connection.execute(
        "UPDATE meta SET value = ? WHERE key = 'min_writer'", (str(len(MIGRATIONS)),)
    ),
)
"""
        commit = box.release(**box.append("studio/store/migrations.py", raised))
        await box.apply(api, commit)
        said = await box.settled(api)
        assert (said["failure"]["step"], said["failure"]["code"]) == ("rehearse", "update_refused")
        assert "no way back" in said["failure"]["message"]
        assert box.current() == first
        await require_picture(api, job)


@pytest.mark.parametrize("version", ["0.3.0", RUNS])
async def test_a_newer_image_is_offered_and_taken(box: Rig, version: str) -> None:
    box.box.start()
    async with box.box.api() as api:
        job, _ = await make_picture(api), await box.first()
        assert (await box.status(api) or {})["image"]["is_newer"] is False
        refused = await api.client.post("/api/system/updates/image")
        assert refused.json()["error"]["details"] == {"reason": "installed"}
    box.box.terminate()
    (box.app / "version.json").write_text(version_text(version))
    box.box.environ["STUDIO_COMMIT"] = "c" * 40
    box.box.start()
    async with box.box.api() as api:
        said = await box.status(api)
        assert said is not None and said["image"] == {"version": version, "is_newer": True}
        assert said["installed"]["version"] == RUNS
        assert (await api.client.post("/api/system/updates/image")).status_code == 202
        said = await box.settled(api)
        assert said["failure"] is None
        assert (said["installed"]["version"], box.current()) == (version, f"{version}-{'c' * 12}")
        assert said["image"]["is_newer"] is False
        await require_picture(api, job)


async def test_what_is_refused_is_refused_after_a_restart_too(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ours")
    with rig(tmp_path, REPO_REF="v*", REPO_SIGNERS=str(allow_signer(tmp_path, key))) as box:
        first = box.release("0.2.0")
        box.repo.tag("v0.2.0", key=key)
        box.box.start()
        async with box.box.api() as api:
            found = (await box.check(api))["available"]
            assert (found["commit"], found["trust"], found["refused"]) == (first, "signed", None)
        box.box.terminate()
        box.release("0.2.0", later="moved")
        box.repo.tag("v0.2.0", key=key)
        box.box.start()
        async with box.box.api() as api:
            found = (await box.check(api))["available"]
            assert found["refused"]["details"] == {"reason": "tag_moved"}
            answer = await api.client.post(
                "/api/system/updates/apply",
                json={"commit": found["commit"], "allow_downgrade": True},
            )
            assert answer.json()["error"]["details"] == {"reason": "tag_moved"}
            box.release("0.9.0")
            box.repo.tag("v0.9.0")
            found = (await box.check(api))["available"]
            assert found["refused"]["details"] == {"reason": "unsigned"}
