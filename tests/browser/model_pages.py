"""A Studio between the look-alikes of both hubs, for browser tests of models."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, come_in
from tests.fakes.civitai import Civitai, running_civitai
from tests.fakes.hub import Hub, running_hub

HF_KEY = "hf_canary-of-the-hub"


@dataclass
class Hubs:
    """Both, served by a thread of their own: a browser test blocks its own."""

    hub: Hub
    civitai: Civitai

    def environ(self) -> dict[str, str]:
        """What makes a Studio ask these instead of the real ones."""
        return {
            "HF_ENDPOINT": self.hub.base,
            "CIVITAI_URL": self.civitai.base,
            "STUDIO_OUTBOUND_ALLOW": "localhost,127.0.0.0/8",
        }


@contextlib.contextmanager
def running_hubs() -> Iterator[Hubs]:
    """Both hubs, until the block ends."""
    made: list[Hubs] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        async with running_hub() as hub, running_civitai() as civitai:
            made.append(Hubs(hub, civitai))
            started.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert started.wait(30), "the hubs do not start"
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(30)
        loop.close()


@dataclass
class ModelSite:
    """A Studio with models in ``models``, its hubs, and its owner's browser storage."""

    studio: RunningStudio
    hubs: Hubs
    models: Path
    state: dict[str, Any]

    @property
    def url(self) -> str:
        return self.studio.url


@contextlib.contextmanager
def running_model_site(folder: Path) -> Iterator[ModelSite]:
    """A Studio with the embedded engine and folders of models of its own."""
    models = folder / "models"
    with running_hubs() as hubs:
        environ = {**hubs.environ(), "MODEL_DIR": str(models), "LLM_DIR": str(folder / "llm")}
        with run_studio(folder, environ) as studio:
            state = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
            yield ModelSite(studio, hubs, models, state)
