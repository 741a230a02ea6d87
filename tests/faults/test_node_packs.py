"""Node packs in real ComfyUI: installed, used, updated, brought back, removed, and survived."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from studio.clients.supervisor import Supervisor
from tests.api.studio_process import (
    OWNER_KEY,
    ROOT,
    RunningStudio,
    comfyui_variables,
    run_studio,
)
from tests.fakes.pack_places import NODE, PackPlaces, pack_places

PACKS = "/api/system/nodes"


@dataclass
class House:
    studio: RunningStudio
    places: PackPlaces
    http: httpx.Client

    def settled(self) -> dict[str, Any]:
        """The change under way, once it has ended."""
        while True:
            operation: dict[str, Any] = self.http.get(PACKS).json()["operation"]
            if operation["done"]:
                return operation
            time.sleep(0.2)

    def change(self, method: str, path: str = "", **body: Any) -> dict[str, Any]:
        """Ask for a change and wait for its end."""
        answer = self.http.request(method, f"{PACKS}{path}", json=body)
        assert answer.status_code == 202, answer.text
        ended = self.settled()
        assert ended["id"] == answer.json()["operation"]["id"]
        return ended

    def pack(self, name: str) -> dict[str, Any]:
        listed = {pack["name"]: pack for pack in self.http.get(PACKS).json()["packs"]}
        found: dict[str, Any] = listed.get(name, {})
        return found

    def knows(self, class_type: str) -> bool:
        return self.http.get(f"/api/system/object_info/{class_type}").status_code == 200

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``studio nodes`` with these words, to its end."""
        place = ("--url", self.studio.url, "--key", OWNER_KEY)
        return subprocess.run(
            [sys.executable, "-m", "studio", "nodes", *words, *place],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    def run(self, class_type: str) -> str:
        """Run a graph of that one class; what it showed."""
        graph = {"1": {"class_type": class_type, "inputs": {"text": "hi"}}}
        job = self.http.post("/api/jobs", json={"workflow": graph}).json()
        while job["status"] not in ("succeeded", "failed"):
            time.sleep(0.1)
            job = self.http.get(f"/api/jobs/{job['id']}").json()
        assert job["status"] == "succeeded", job
        shown = next(output for output in job["outputs"] if output["node_id"] == "1")
        return self.http.get(f"/api/v2/assets/{shown['id']}/content").text


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("nodes")
    cache: pytest.Cache = request.config.cache
    variables = comfyui_variables(folder, cache.mkdir("contract"))
    with pack_places(folder / "places") as places:
        variables |= {
            "COMFYUI_FLAGS": "--cpu --disable-api-nodes",
            "STUDIO_OUTBOUND_ALLOW": "127.0.0.1",
            **places.pip,
        }
        with run_studio(folder, variables) as studio, studio.client() as http:
            yield House(studio, places, http)


def test_a_pack_is_installed_used_updated_brought_back_and_removed(house: House) -> None:
    house.places.wheel("greeting", "1.5")
    repository = house.places.repository("hello")
    code = "import greeting\n" + NODE.format(name="HelloNode", value="text + greeting.VERSION")
    old = repository.commit({"__init__.py": code, "requirements.txt": "greeting\nnumpy\n"})
    ended = house.change("POST", url=repository.url)
    assert ended["error"] is None and ended["commit"] == old, ended
    pack = house.pack("hello")
    assert pack["classes"] == ["HelloNode"] and pack["packages"][0]["name"] == "greeting"
    assert house.run("HelloNode") == "hi1.5"

    code = NODE.format(name="HelloNode", value="text + ' again'")
    new = repository.commit({"__init__.py": code, "requirements.txt": ""})
    assert house.change("POST", "/hello/update")["error"] is None
    assert house.pack("hello")["commit"] == new and house.run("HelloNode") == "hi again"

    assert house.change("POST", "/hello/back")["error"] is None
    assert house.pack("hello")["commit"] == old and house.run("HelloNode") == "hi1.5"

    assert house.change("DELETE", "/hello")["error"] is None
    assert not house.knows("HelloNode") and house.pack("hello")["present"] is False
    kinds = [item["kind"] for item in house.http.get("/api/activity").json()["items"]]
    assert {"nodes.installed", "nodes.updated", "nodes.restored", "nodes.removed"} <= set(kinds)


def test_a_conflict_is_told_in_words_and_the_engine_is_not_stopped_for_it(house: House) -> None:
    before = house.http.get("/api/system/engines").json()["engines"][0]
    repository = house.places.repository("greedy")
    repository.commit({"__init__.py": "NODE_CLASS_MAPPINGS = {}", "requirements.txt": "torch<2"})
    house.places.wheel("torch", "1.0")
    ended = house.change("POST", url=repository.url)
    assert ended["error"]["code"] == "conflict" and "ComfyUI has torch" in ended["error"]["message"]
    assert house.pack("greedy") == {}
    assert house.http.get("/api/system/engines").json()["engines"][0] == before


def test_nothing_comes_from_a_private_address_that_nobody_allowed(house: House) -> None:
    for url in ("https://10.0.0.1/x", "https://[::1]/x", "http://192.168.1.1/x"):
        answer = house.http.post(PACKS, json={"url": url})
        assert answer.status_code in (403, 422), answer.text
    assert house.http.post(PACKS, json={"url": "https://10.0.0.1/x"}).status_code == 403


@pytest.mark.parametrize("end", ["kill", "cancel"])
async def test_an_install_that_is_killed_or_given_up_changes_nothing_and_the_next_one_works(
    house: House, end: str
) -> None:
    before = house.http.get("/api/system/engines").json()["engines"][0]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/never"
        assert house.http.post(PACKS, json={"url": url}).status_code == 202
        connection, _ = silent.accept()
        with connection:
            if end == "kill":
                supervisor = Supervisor(socket_path=house.studio.run_dir / "bootstrap.sock")
                pid = (await supervisor.status())["packs"].pid
                assert pid is not None
                os.killpg(pid, signal.SIGKILL)
            else:
                assert house.http.delete(f"{PACKS}/operation").status_code == 204
            ended = house.settled()
    assert ended["error"]["code"] == {"kill": "interrupted", "cancel": "canceled"}[end]
    assert house.pack("never") == {}
    assert house.http.get("/api/system/engines").json()["engines"][0] == before
    repository = house.places.repository(f"after-{end}")
    repository.commit({"README.md": "no pack"})
    assert house.change("POST", url=repository.url)["error"]["code"] == "not_a_pack"


def test_a_pack_that_breaks_long_after_it_was_installed_is_disabled_too(house: House) -> None:
    repository = house.places.repository("rotten")
    repository.commit({"__init__.py": NODE.format(name="RottenNode", value="text")})
    assert house.change("POST", url=repository.url)["error"] is None
    place = house.studio.folder / "engine" / "custom_nodes" / "rotten"
    (place / "__init__.py").write_text("import os\nos._exit(4)\n")
    house.http.post("/api/system/engines/comfyui/restart", json={})
    while house.pack("rotten")["enabled"]:
        time.sleep(0.2)
    while not house.studio.is_ready():
        time.sleep(0.2)
    assert house.settled()["error"]["code"] == "start_failed"
    assert house.change("DELETE", "/rotten")["error"] is None


def test_a_pack_that_keeps_comfyui_from_starting_is_disabled_and_the_owner_is_told(
    house: House,
) -> None:
    repository = house.places.repository("deadly")
    repository.commit({"__init__.py": "import os\nprint('deadly!', flush=True)\nos._exit(3)\n"})
    ended = house.change("POST", url=repository.url)
    assert ended["error"]["code"] == "start_failed" and "deadly" in ended["error"]["message"]
    while not house.studio.is_ready():
        time.sleep(0.2)
    pack = house.pack("deadly")
    assert pack["enabled"] is False and "deadly!" in pack["disabled_because"]
    assert any("deadly" in each for each in house.http.get("/ready").json()["notices"])
    assert house.change("DELETE", "/deadly")["error"] is None


def test_a_pack_whose_import_fails_says_so_and_the_others_work(house: House) -> None:
    repository = house.places.repository("broken")
    repository.commit({"__init__.py": "import nowhere_to_be_found"})
    ended = house.command("install", repository.url)
    assert ended.returncode == 0 and "no class" in ended.stderr, ended.stderr
    assert house.pack("broken")["enabled"] is True
    assert house.command("rm", "broken").returncode == 0
    assert house.pack("broken")["present"] is False
