"""Model files that the embedded engine offers: by their names alone, and only where it is alone."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from boot.engines import plan_engines
from boot.folders import Folders
from boot.settings import read_settings
from studio.embedded.options import read_options
from tests.contract.harness import REPOSITORY, run_embedded


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")


def config(folder: Path, *models: Path) -> Path:
    """A file as bootstrap writes it, with these folders of models."""
    sections = {
        f"studio_{number}": {
            "is_default": True,
            "loras": str(model / "loras"),
            "text_encoders": f"{model / 'clip'}\n{model / 'text_encoders'}",
        }
        for number, model in enumerate(models)
    }
    path = folder / "paths.yaml"
    path.write_text(f"# A comment.\n{json.dumps(sections)}\n")
    return path


def test_files_are_listed_from_every_folder_of_their_type(tmp_path: Path) -> None:
    put(tmp_path / "one/loras/style/ink.safetensors")
    put(tmp_path / "two/loras/clay.SAFETENSORS")
    put(tmp_path / "two/loras/clay.txt")
    put(tmp_path / "one/clip/old.bin")
    put(tmp_path / "one/text_encoders/new.safetensors")
    paths = config(tmp_path, tmp_path / "one", tmp_path / "two")
    folders = read_options(["--extra-model-paths-config", str(paths)]).folders
    assert folders.model_files("loras") == ["clay.SAFETENSORS", "style/ink.safetensors"]
    assert folders.model_files("text_encoders") == ["new.safetensors", "old.bin"]
    assert folders.model_files("vae") == []


def test_a_file_that_comes_later_is_offered_after_what_is_built_in(tmp_path: Path) -> None:
    flags = ("--extra-model-paths-config", str(config(tmp_path, tmp_path / "models")))
    with run_embedded(tmp_path, *flags) as engine:
        offered = f"{engine.url}/models/loras"
        assert httpx.get(offered).json() == ["embedded-vivid.safetensors"]
        put(tmp_path / "models/loras/ink.safetensors")
        both = ["embedded-vivid.safetensors", "ink.safetensors"]
        assert httpx.get(offered).json() == both
        loader = httpx.get(f"{engine.url}/object_info/LoraLoader").json()["LoraLoader"]
        assert loader["input"]["required"]["lora_name"][0] == both


@pytest.mark.parametrize(
    ("listed", "offers"),
    [("embedded", True), ("embedded,http://10.0.0.2:8188", False)],
)
def test_beside_another_engine_it_offers_no_files_for_it_would_take_their_jobs(
    listed: str, offers: bool, tmp_path: Path
) -> None:
    environ = {"STUDIO_DIR": str(tmp_path), "STUDIO_ENGINE": listed, "HOME": str(tmp_path)}
    settings = read_settings(environ, app_dir=REPOSITORY)
    paths = tmp_path / "extra_model_paths.yaml"
    engines = plan_engines(
        settings, Folders(tmp_path, paths, None), environ, python="python", log=print
    )
    [embedded] = [engine.child for engine in engines if engine.kind == "embedded"]
    assert embedded is not None
    assert (str(paths) in embedded.argv) is offers
