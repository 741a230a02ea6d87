"""No name from outside leads out of Studio's folders, whichever route takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of, fresh_png, invert, solid
from tests.api.house import House
from tests.security.tables import BAD_NAMES, ENCODED_NAMES

CANARY = b"canary-outside-of-everything"


@pytest.fixture
def canary(house: House) -> Path:
    """A file next to Studio's folder that no answer may hold and nobody may change."""
    path = house.folder.parent / "canary.txt"
    path.write_bytes(CANARY)
    return path


def is_untouched(canary: Path) -> bool:
    return canary.read_bytes() == CANARY


def assert_refused(answer: httpx.Response, canary: Path) -> None:
    # 503: there is no engine to ask.
    assert 400 <= answer.status_code < 500 or answer.status_code == 503, answer.status_code
    assert CANARY not in answer.content
    assert is_untouched(canary)


async def test_no_part_of_an_address_leads_outside(house: House, canary: Path) -> None:
    paths = [path for path in house.paths() if "{" in path]
    assert len(paths) > 10
    async with house.client() as owner:
        for name in ENCODED_NAMES:
            for path in paths:
                address = path[: path.index("{")] + name + path[path.index("}") + 1 :]
                for method in ("GET", "POST", "DELETE", "PUT"):
                    answer = await owner.request(method, address, content=b"{}")
                    # 403: sessions are no business of a key's.
                    refused = (400, 403, 404, 405, 422, 503)
                    assert answer.status_code in refused, (method, address[:80])
                    code_of(answer)
                    assert_refused(answer, canary)


async def test_no_name_in_a_body_leads_outside(house: House, canary: Path) -> None:
    before = files(house)
    async with house.client() as owner:
        for name in BAD_NAMES:
            text = name.encode("utf-8", "replace").decode()
            zeros = "blake3:" + "0" * 64
            requests: list[tuple[str, dict[str, Any]]] = [
                ("/api/v2/assets/from-hash", {"hash": text}),
                ("/api/v2/assets/from-hash", {"hash": zeros, "file_path": text}),
                ("/api/jobs/cancel", {"ids": text}),
                ("/api/system/backup", {"to": f"relative/{text}"}),
            ]
            for path, body in requests:
                assert_refused(await owner.post(path, json=body), canary)
            answer = await owner.post(
                "/api/v2/assets",
                files={"file": ("x", fresh_png(), "image/png")},
                data={"content_type": "image/png", "file_path": text},
            )
            assert_refused(answer, canary)
            assert files(house) == before, ascii(name)


async def test_no_name_in_a_graph_leads_outside(house: House, canary: Path) -> None:
    """Without an engine a graph is checked as far as it can be; what gets in waits."""
    async with house.client() as owner:
        for name in BAD_NAMES:
            for graph in (invert(name), invert({"__type": "core/ASSET", "info": {"id": name}})):
                answer = await owner.post("/api/v2/jobs", json={"workflow": graph})
                assert answer.status_code in (201, 422), ascii(name)
                assert CANARY not in answer.content
            answer = await owner.post("/api/v2/jobs", json={"workflow": solid(name)})
            if ".." in name.split("/") or name.startswith("/") or "\\" in name:
                assert (answer.status_code, code_of(answer)) == (422, "invalid_workflow"), name
            assert answer.status_code in (201, 422)
    assert is_untouched(canary)


def files(house: House) -> list[str]:
    """Every file in and beside Studio's folder."""
    return sorted(str(path) for path in house.folder.parent.rglob("*"))
