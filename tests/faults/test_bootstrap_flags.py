"""Bootstrap starts an engine with the flags that were stored for it, and judges them itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.clients.supervisor import Supervisor
from tests.fakes.bootstrap_family import Family, family

ENGINE = "comfyui"


@pytest.fixture
def folk() -> Iterator[Family]:
    with family() as made:
        yield made


def store(folk: Family, words: list[str]) -> Path:
    file = folk.folder / "engine_flags.json"
    file.write_text(json.dumps({ENGINE: words}))
    return file


async def test_stored_flags_count_from_the_next_start_on(folk: Family) -> None:
    file = store(folk, ["--lowvram"])
    folk.add(ENGINE, "--any-flags", kind="comfyui", flags_file=str(file))
    folk.start()
    first = folk.facts(ENGINE)
    assert first["argv"][-1] == "--lowvram"
    store(folk, ["--reserve-vram", "2"])
    supervisor = Supervisor(socket_path=folk.socket_path)
    assert (await supervisor.status())[ENGINE].flags == ("--lowvram",)
    await supervisor.stop(ENGINE)
    started = await supervisor.start(ENGINE)
    assert started.flags == ("--reserve-vram", "2")
    assert folk.facts(ENGINE, other_than=first["pid"])["argv"][-2:] == ["--reserve-vram", "2"]


@pytest.mark.parametrize("words", [["--listen", "0.0.0.0"], ["--lowvram", "--highvram"]], ids=str)
async def test_flags_that_are_not_allowed_keep_no_engine_down_and_are_left_out(
    folk: Family, words: list[str]
) -> None:
    folk.add(ENGINE, "--any-flags", kind="comfyui", flags_file=str(store(folk, words)))
    folk.start()
    assert not set(words) & set(folk.facts(ENGINE)["argv"])
    assert (
        "comfyui starts without its stored flags"
        in folk.output() + (folk.log_dir / "bootstrap.log").read_text()
    )


async def test_the_flags_of_the_environment_are_not_asked_of_a_file(folk: Family) -> None:
    store(folk, ["--lowvram"])
    folk.add(ENGINE, "--any-flags", kind="comfyui", flags=["--cpu", "--listen-nowhere"])
    folk.start()
    assert folk.facts(ENGINE)["argv"][-2:] == ["--cpu", "--listen-nowhere"]
