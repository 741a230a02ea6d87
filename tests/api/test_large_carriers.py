"""Workflows in files too large for one request, and choices that a workflow came with."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import httpx
import pytest
from blake3 import blake3

from studio.graphs.carried import embedded_graphs
from studio.store.file_bytes import FileBytes
from tests.api.graphs import CHECKPOINT, solid, upload, wait_ended
from tests.api.studio_process import RunningStudio

SIZE = 300 << 20


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def moov(**texts: str) -> bytes:
    """The metadata of a film, as ComfyUI has FFmpeg write it."""
    keys = b"".join(box(b"mdta", name.encode()) for name in texts)
    values = b"".join(
        box(struct.pack(">I", number), box(b"data", struct.pack(">II", 1, 0) + text.encode()))
        for number, text in enumerate(texts.values(), 1)
    )
    head = struct.pack(">II", 0, len(texts))
    meta = box(b"hdlr", bytes(24)) + box(b"keys", head + keys) + box(b"ilst", values)
    return box(b"moov", box(b"udta", box(b"meta", bytes(4) + meta)))


def film(path: Path, graph: dict[str, Any], *, first: bool) -> Path:
    """A sparse film of 300 MB that carries a graph before or behind its pictures."""
    named = box(b"ftyp", b"isom" + bytes(4))
    told = moov(prompt=json.dumps(graph))
    with path.open("wb") as file:
        file.write(named + (told if first else b""))
        file.write(struct.pack(">I4sQ", 1, b"mdat", SIZE))
        file.seek(SIZE - 16, os.SEEK_CUR)
        file.write(b"" if first else told)
        file.truncate(max(file.tell(), SIZE))
    return path


class Counted(FileBytes):
    """A file that tells how much of it was read."""

    read_bytes = 0

    def __getitem__(self, part: slice) -> bytes:
        found = super().__getitem__(part)
        self.read_bytes += len(found)
        return found


@pytest.mark.parametrize("first", [True, False])
def test_of_a_film_of_300_mb_only_the_heads_and_texts_are_read(tmp_path: Path, first: bool) -> None:
    graph = solid("filmed")
    with Counted(film(tmp_path / "film.mp4", graph, first=first)) as data:
        assert embedded_graphs(data).prompt == graph
        assert len(data) >= SIZE
        assert data.read_bytes < 64 << 10


def send(client: httpx.Client, path: Path) -> str:
    """Upload a file in parts; the asset's id."""
    digest = blake3()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    body = {
        "name": path.name,
        "hash": f"blake3:{digest.hexdigest()}",
        "size_bytes": path.stat().st_size,
        "content_type": "video/mp4",
    }
    begun = client.post("/api/uploads", json=body)
    assert begun.status_code == 201, begun.text
    place, part_bytes = f"/api/uploads/{begun.json()['id']}", begun.json()["part_bytes"]
    with path.open("rb") as file:
        for number in range(begun.json()["parts"]):
            part = client.put(f"{place}/parts/{number}", content=file.read(part_bytes))
            assert part.status_code == 200, part.text
    answer = client.post(f"{place}/complete", timeout=120)
    assert answer.status_code == 201, answer.text
    asset_id: str = answer.json()["asset"]["id"]
    return asset_id


def test_a_film_of_300_mb_is_uploaded_inspected_and_imported(
    studio: RunningStudio, tmp_path: Path
) -> None:
    graph = solid("from a film", size=40)
    path = film(tmp_path / "my_film.mp4", graph, first=False)
    with studio.client() as owner:
        asset = send(owner, path)
        found = owner.post(f"/api/workflows/inspect?asset={asset}")
        assert found.status_code == 200, found.text
        assert (found.json()["format"], found.json()["graph"]) == ("media", graph)
        stored = owner.post(f"/api/workflows/import?asset={asset}")
        assert (stored.status_code, stored.json()["name"]) == (201, "My film")


def test_an_asset_that_carries_nothing_or_is_not_there_is_refused(studio: RunningStudio) -> None:
    with studio.client() as owner:
        empty = upload(owner, hashlib.sha512(b"noise").digest(), "noise.bin")["id"]
        large = upload(owner, b"[" + b" " * (33 << 20) + b"]", "large.json")["id"]
        cases = [
            (empty, 422, "invalid_workflow"),
            (large, 413, "payload_too_large"),
            ("0f8fad5b-d9cb-469f-a165-70867728950e", 404, "not_found"),
        ]
        for asset, status, code in cases:
            answer = owner.post(f"/api/workflows/inspect?asset={asset}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_choices_of_an_imported_workflow_stay_and_are_drawn_and_recorded_when_it_runs(
    studio: RunningStudio,
) -> None:
    def slot(name: str, kind: str, link: int) -> dict[str, Any]:
        return {"name": name, "type": kind, "link": link}

    def output(kind: str, *links: int) -> dict[str, Any]:
        return {"name": kind, "type": kind, "links": list(links)}

    text = "a {red|white} fox"
    saved: dict[str, Any] = {
        "version": 0.4,
        "nodes": [
            {
                "id": 1,
                "type": "CheckpointLoaderSimple",
                "outputs": [output("MODEL", 1), output("CLIP", 2, 3), output("VAE", 4)],
                "widgets_values": [CHECKPOINT],
            },
            {
                "id": 2,
                "type": "CLIPTextEncode",
                "inputs": [slot("clip", "CLIP", 2)],
                "outputs": [output("CONDITIONING", 5)],
                "widgets_values": [text],
            },
            {
                "id": 3,
                "type": "CLIPTextEncode",
                "inputs": [slot("clip", "CLIP", 3)],
                "outputs": [output("CONDITIONING", 6)],
                "widgets_values": ["blurry"],
            },
            {"id": 4, "type": "EmptyLatentImage", "outputs": [output("LATENT", 7)]},
            {
                "id": 5,
                "type": "KSampler",
                "inputs": [
                    slot("model", "MODEL", 1),
                    slot("positive", "CONDITIONING", 5),
                    slot("negative", "CONDITIONING", 6),
                    slot("latent_image", "LATENT", 7),
                ],
                "outputs": [output("LATENT", 8)],
                "widgets_values": [3, "fixed", 1, 8, "euler", "normal", 1],
            },
            {
                "id": 6,
                "type": "VAEDecode",
                "inputs": [slot("samples", "LATENT", 8), slot("vae", "VAE", 4)],
                "outputs": [output("IMAGE", 9)],
            },
            {
                "id": 7,
                "type": "SaveImage",
                "inputs": [slot("images", "IMAGE", 9)],
                "widgets_values": ["chosen"],
            },
        ],
        "links": [
            [1, 1, 0, 5, 0, "MODEL"],
            [2, 1, 1, 2, 0, "CLIP"],
            [3, 1, 1, 3, 0, "CLIP"],
            [4, 1, 2, 6, 1, "VAE"],
            [5, 2, 0, 5, 1, "CONDITIONING"],
            [6, 3, 0, 5, 2, "CONDITIONING"],
            [7, 4, 0, 5, 3, "LATENT"],
            [8, 5, 0, 6, 0, "LATENT"],
            [9, 6, 0, 7, 0, "IMAGE"],
        ],
    }
    with studio.client() as owner:
        stored = owner.post("/api/workflows/import?name=choices.json", json=saved)
        assert stored.status_code == 201, stored.text
        workflow = stored.json()
        assert workflow["graph"]["2"]["inputs"]["text"] == text
        [prompt] = [each["id"] for each in workflow["form"] if each.get("default") == text]
        answer = owner.post("/api/batches", json={"workflow_id": workflow["id"]})
        assert answer.status_code == 201, answer.text
        [cell] = owner.get(f"/api/batches/{answer.json()['id']}").json()["cells"]
        job = owner.get(f"/api/jobs/{cell['job_id']}").json()
        recipe = job["recipe"]
        drawn = recipe["values"][prompt]
        assert drawn in ("a red fox", "a white fox")
        [choice] = recipe["answers"]["choices"]
        assert (choice["of"], choice["where"]) == ("{red|white}", prompt)
        ran = owner.get(f"/api/v2/jobs/{job['id']}/workflow").json()["workflow"]
        assert ran["2"]["inputs"]["text"] == drawn
        wait_ended(owner, job["id"])
