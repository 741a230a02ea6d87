"""What an engine says about itself."""

from __future__ import annotations

import re

from tests.contract.clients import Client
from tests.contract.declarations import recorded_classes, without_prose


def test_classes_are_declared_as_recorded(client: Client) -> None:
    info = client.http.get("/object_info").json()
    for name, recorded in recorded_classes().items():
        assert without_prose(info[name]) == recorded, name


def test_one_class_can_be_asked_for(client: Client) -> None:
    whole = client.http.get("/object_info").json()
    assert client.http.get("/object_info/SaveImage").json() == {"SaveImage": whole["SaveImage"]}
    assert client.http.get("/object_info/NoSuchNode").json() == {}


def test_the_checkpoint_is_offered_by_its_loader_and_in_the_list_of_models(
    client: Client,
) -> None:
    loader = client.http.get("/object_info/CheckpointLoaderSimple").json()
    choices = loader["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
    assert choices == [client.engine.checkpoint]
    assert client.http.get("/models/checkpoints").json() == choices


def test_model_folders_are_listed(client: Client) -> None:
    folders = client.http.get("/models").json()
    assert {"checkpoints", "loras", "vae", "text_encoders", "diffusion_models"} <= set(folders)
    assert client.http.get("/models/loras").status_code == 200
    assert client.http.get("/models/no-such-folder").status_code == 404
    assert client.http.get("/embeddings").json() == []


def test_the_system_says_its_version_and_devices(client: Client) -> None:
    stats = client.http.get("/system_stats").json()
    version = re.match(r"(\d+)\.(\d+)\.", stats["system"]["comfyui_version"])
    assert version is not None
    assert tuple(map(int, version.groups())) >= (0, 33)
    assert stats["system"]["ram_total"] > 0
    assert stats["devices"][0]["type"] == "cpu"
    assert {"name", "vram_total", "vram_free"} <= stats["devices"][0].keys()


def test_features_are_listed(client: Client) -> None:
    features = client.http.get("/features").json()
    assert features["supports_preview_metadata"] is True
    assert features["max_upload_size"] == 100 * 1024 * 1024


def test_an_unknown_route_is_not_found(client: Client) -> None:
    assert client.http.get("/no/such/route").status_code == 404
