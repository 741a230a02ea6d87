"""What is remembered of the files that an engine made."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from studio.clients.comfy import ComfyClient
from studio.services.engine import MAX_FINGERPRINTS, Engine
from studio.settings import EngineSetting


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    setting = EngineSetting("gpu", "remote", "http://127.0.0.1:1")
    made = Engine(setting=setting, client=ComfyClient(setting.url), client_id="us")
    yield made
    await made.client.close()


async def test_a_file_made_after_twenty_thousand_others_is_known(engine: Engine) -> None:
    for number in range(MAX_FINGERPRINTS + 5):
        engine.saw_made(("temp", "", f"{number}.png"), str(number))
    last = MAX_FINGERPRINTS + 4
    assert engine.made(("temp", "", f"{last}.png")) == str(last)
    assert engine.made(("temp", "", "4.png")) is None
    assert engine.made(("temp", "", "5.png")) == "5"


async def test_a_file_that_is_asked_for_stays_known_longer(engine: Engine) -> None:
    for number in range(MAX_FINGERPRINTS):
        engine.saw_made(("temp", "", f"{number}.png"), str(number))
    assert engine.made(("temp", "", "0.png")) == "0"
    engine.saw_made(("temp", "", "new.png"), "new")
    assert engine.made(("temp", "", "0.png")) == "0"
    assert engine.made(("temp", "", "1.png")) is None


async def test_another_life_of_the_engine_made_nothing_yet(engine: Engine) -> None:
    engine.saw_made(("temp", "", "fox.png"), "1")
    engine.new_boot("another")
    assert engine.made(("temp", "", "fox.png")) is None
