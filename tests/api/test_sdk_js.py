"""Comfy Org's own JavaScript client, unchanged, against Studio."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.api.graphs import endless, fresh_color, fresh_png, invert, png, solid, text_to_image
from tests.api.studio_process import OWNER_KEY, RunningStudio

SOURCE = Path(__file__).with_name("sdk_js")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client installed as the lock file says."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are needed for the JavaScript client")
    folder = tmp_path_factory.mktemp("sdk-js")
    for name in ("package.json", "package-lock.json", "flow.mjs"):
        shutil.copy(SOURCE / name, folder)
    installed = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if installed.returncode != 0:
        pytest.skip(f"@comfyorg/sdk cannot be installed: {installed.stderr.strip()[-300:]}")
    return folder


def test_the_javascript_client_does_everything_it_offers(
    any_studio: RunningStudio, package: Path, tmp_path: Path
) -> None:
    (tmp_path / "source.png").write_bytes(png("#0a141e"))
    (tmp_path / "other.png").write_bytes(fresh_png())
    unknown = solid()
    unknown["2"]["class_type"] = "SaveImagee"
    graphs = {
        "byName": invert("source.png"),
        "byHandle": invert("placeholder.png"),
        "solid": solid("albums/summer/beach"),
        "text": text_to_image(seed=fresh_color(), steps=40),
        "endless": endless(),
        "missing": invert("never-uploaded.png"),
        "unknown": unknown,
    }
    setup = tmp_path / "setup.json"
    setup.write_text(json.dumps({"folder": str(tmp_path), "graphs": graphs}))
    done = subprocess.run(
        ["node", "flow.mjs", str(setup)],
        cwd=package,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "COMFY_BASE_URL": any_studio.url,
            "COMFY_API_KEY": OWNER_KEY,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed: ") == 6
    with Image.open(io.BytesIO((tmp_path / "inverted.png").read_bytes())) as picture:
        assert picture.convert("RGB").getpixel((0, 0)) == (0xF5, 0xEB, 0xE1)
