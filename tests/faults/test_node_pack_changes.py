"""Changes of node packs while ComfyUI is busy or broken, with the real worker and bootstrap."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boot.packs import PackFolders, PackRecord, record_file, write_json
from studio.settings import Settings
from studio.store.node_packs import NodePackFiles
from tests.contract.harness import find_free_port
from tests.fakes.bootstrap_family import Family, family
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import Api, settings_for, studio_inside, until, until_it, with_run_dir

PACKS = "/api/system/nodes"


@pytest.fixture
def folk() -> Iterator[Family]:
    with family() as made:
        yield made


def house(folk: Family, folder: Path, url: str, *engine: str) -> Settings:
    """A Studio beside a bootstrap that holds an engine and the worker of node packs."""
    settings = dataclasses.replace(
        with_run_dir(settings_for(folder, [url], kind="comfyui"), folk.run_dir),
        engine_dir=folder / "engine",
        custom_nodes_dir=folder / "engine" / "custom_nodes",
    )
    work = settings.engine_dir / "packs"
    work.mkdir(parents=True)
    settings.custom_nodes_dir.mkdir(parents=True)
    folk.add("comfyui", *engine)
    worker = [sys.executable, "-m", "boot.pack_worker", "--python", sys.executable]
    places = ["--custom-nodes", str(settings.custom_nodes_dir), "--work", str(work)]
    folk.children.append({"name": "packs", "kind": "packs", "argv": [*worker, *places]})
    folk.start()
    return settings


def put_pack(settings: Settings, name: str, changed_at: float) -> None:
    """A pack as if Studio had installed it then."""
    place = PackFolders(settings.custom_nodes_dir).place(name)
    record = PackRecord(name, f"https://example.org/{name}", "", "0" * 40, changed_at=changed_at)
    record_file(place).parent.mkdir(parents=True)
    write_json(record_file(place), record.to_json())


async def operation(api: Api) -> dict[str, Any]:
    """The change that is under way, or was the last."""
    return (await api.client.get(PACKS)).json()["operation"] or {}


async def settled(api: Api) -> dict[str, Any]:
    """It, once it has ended."""

    async def has_ended() -> object:
        return (await operation(api)).get("done")

    await until_it(has_ended, "the change has ended")
    return await operation(api)


async def test_a_pack_is_not_changed_under_a_job_whose_engine_does_not_answer(
    folk: Family, engine: FakeComfy, tmp_path: Path
) -> None:
    settings = house(folk, tmp_path, engine.url)
    put_pack(settings, "hello", 1.0)
    engine.hold("node")
    async with studio_inside(settings) as api:
        await api.wait_ready()
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        engine.hangs = True
        await api.wait_engine("unresponsive")
        before = folk.child("comfyui")["started_at"]
        assert (await api.client.post(f"{PACKS}/hello/disable")).status_code == 202
        for _ in range(20):
            # Long enough for one that does not wait.
            await asyncio.sleep(0.05)
            assert (await operation(api))["phase"] == "waiting"
        assert folk.child("comfyui")["started_at"] == before
        assert folk.child("comfyui")["state"] == "running"
        engine.hangs = False
        engine.open_all()
        assert (await api.wait(job_id))["status"] == "succeeded"
        await until(lambda: folk.child("comfyui")["state"] != "running", "it is stopped")
        await engine.die()
        await engine.start()
        ended = await settled(api)
        assert ended["error"] is None, ended
        assert PackFolders(settings.custom_nodes_dir).disabled("hello").is_dir()
        assert engine.runs == {"fox": 1}


async def test_a_comfyui_that_never_starts_costs_no_pack_however_often_studio_starts(
    folk: Family, tmp_path: Path
) -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}"
    settings = house(folk, tmp_path, nowhere, "--exit-code", "3", "--print-lines", "3")
    folders = PackFolders(settings.custom_nodes_dir)
    put_pack(settings, "older", 1.0)
    put_pack(settings, "newest", 2.0)
    async with studio_inside(settings) as api:
        await until(folders.disabled("newest").is_dir, "it is started without the newest")
        await until(folders.place("newest").is_dir, "that was in vain")

        async def is_told() -> bool:
            return "newest either" in str((await api.ready()).json()["notices"])

        await until_it(is_told, "the owner is told")
    for _ in range(2):
        async with studio_inside(settings) as api:
            crashed = await api.wait_engine("stopped")
            assert crashed["crashes"] == 5
            assert folders.place("older").is_dir() and folders.place("newest").is_dir()
            await api.client.post("/api/system/engines/comfyui/restart", json={})


async def test_a_restart_of_studio_disables_no_second_pack(folk: Family, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}"
    settings = house(folk, tmp_path, nowhere, "--exit-code", "3")
    folders = PackFolders(settings.custom_nodes_dir)
    put_pack(settings, "older", 1.0)
    put_pack(settings, "newest", 2.0)
    async with studio_inside(settings):
        await until(folders.disabled("newest").is_dir, "it is started without the newest")
    async with studio_inside(settings):
        await until(folders.place("newest").is_dir, "that was in vain")
        assert folders.place("older").is_dir()


async def test_a_custom_node_that_spoils_its_folder_takes_no_pack_out_of_the_owners_hands(
    folk: Family, engine: FakeComfy, tmp_path: Path
) -> None:
    settings = house(folk, tmp_path, engine.url)
    folders = PackFolders(settings.custom_nodes_dir)
    put_pack(settings, "evil", 2.0)
    record_file(folders.place("evil")).write_text('{"changed_at": 1}')
    os.mkdir(os.fsencode(settings.custom_nodes_dir) + b"/\xff")
    folders.store.write_text("")
    async with studio_inside(settings) as api:
        await api.wait_ready()
        listed = await api.client.get(PACKS)
        assert [pack["name"] for pack in listed.json()["packs"]] == ["evil"], listed.text
        asked = await api.client.post(f"{PACKS}/evil/disable")
        assert asked.status_code == 202, asked.text
        await until(lambda: folk.child("comfyui")["state"] != "running", "it is stopped")
        await engine.die()
        await engine.start()
        assert (await settled(api))["error"] is None
        assert folders.disabled("evil").is_dir()


async def test_a_change_that_is_given_up_twice_ends_once_and_the_next_is_taken(
    folk: Family, engine: FakeComfy, tmp_path: Path
) -> None:
    settings = house(folk, tmp_path, engine.url)
    settings = dataclasses.replace(settings, outbound_allow=("127.0.0.1",))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/never"
        async with studio_inside(settings) as api:
            await api.wait_ready()
            for _ in range(2):
                assert (await api.client.post(PACKS, json={"url": url})).status_code == 202
                await until_it(lambda: is_in(api, "fetching"), "it is being fetched")
                assert folk.process is not None
                # The first one waits for bootstrap when the others come.
                folk.process.send_signal(signal.SIGSTOP)
                asked = []
                for _ in range(3):
                    asked.append(asyncio.create_task(api.client.delete(f"{PACKS}/operation")))
                    for _ in range(3):
                        await operation(api)
                folk.process.send_signal(signal.SIGCONT)
                assert {answer.status_code for answer in await asyncio.gather(*asked)} == {204}
                ended = await operation(api)
                assert ended["done"] and ended["error"]["code"] == "canceled", ended


async def is_in(api: Api, phase: str) -> bool:
    """Whether the change is that far."""
    return (await operation(api)).get("phase") == phase


async def test_a_defect_ends_the_change_and_the_next_is_taken(
    folk: Family, engine: FakeComfy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = house(folk, tmp_path, engine.url)
    put_pack(settings, "hello", 1.0)

    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    async with studio_inside(settings) as api:
        await api.wait_ready()
        with monkeypatch.context() as patch:
            patch.setattr(NodePackFiles, "report", fail)
            for _ in range(2):
                assert (await api.client.post(f"{PACKS}/hello/enable")).status_code == 202
                assert (await settled(api))["error"]["code"] == "internal_error"
