"""Where Studio looks for the files of a managed engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from studio.clients.comfy import ComfyClient, EngineFile
from studio.services.assets import AssetService
from studio.services.engine import Engine
from studio.services.output_batch import OutputBatch
from studio.services.staging import Staging
from studio.settings import EngineSetting, Settings
from studio.store.disk_speed import DiskSpeed

SHOWN = EngineFile("fox.png", "", "temp")
SAVED = EngineFile("fox.png", "", "output")


async def test_each_of_two_engines_has_a_temporary_folder_of_its_own(tmp_path: Path) -> None:
    listed = [
        {"name": name, "kind": name, "url": "http://127.0.0.1:1", "temp_dir": str(tmp_path / name)}
        for name in ("comfyui", "embedded")
    ]
    settings = Settings.from_env({"STUDIO_ENGINES": json.dumps(listed)})
    shared = EngineSetting("embedded", "embedded", "http://127.0.0.1:1")
    for size, folder in enumerate(("comfyui", "embedded", "temp", "output"), 1):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "fox.png").write_bytes(b"x" * size)
    staging = Staging(
        assets=cast(AssetService, None),
        batch=cast(OutputBatch, None),
        speed=DiskSpeed(),
        engine_dir=tmp_path,
        shared=True,
    )

    async def sizes(setting: EngineSetting) -> tuple[str, str]:
        engine = Engine(setting=setting, client=ComfyClient(setting.url), client_id="us")
        marks = [await staging.fingerprint(engine, file) for file in (SHOWN, SAVED)]
        await engine.client.close()
        shown, saved = (str(mark).rpartition("-")[2] for mark in marks)
        return shown, saved

    assert [await sizes(each) for each in settings.engines] == [("1", "4"), ("2", "4")]
    assert await sizes(shared) == ("3", "4")
