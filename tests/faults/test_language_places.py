"""Places of language models that are not free when somebody wants them, and models that hang."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from boot.language import SLOTS
from studio.clients.supervisor import Supervisor
from studio.clock import Clock
from studio.language_errors import ModelNotConfirmed, ModelNotRunning
from studio.models import Identity, Role
from studio.services.language_files import LanguageFiles
from studio.services.language_needs import Need
from studio.services.language_process import Places
from studio.services.local_language import Charge, LocalLanguage, ModelState
from studio.store.db import Database
from studio.store.language_models import LanguageModelStore, LanguageSettings
from studio.store.language_specs import LanguageSpecs
from studio.store.migrations import migrate
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_roots import LLM
from tests.fakes.bootstrap_family import Family, family
from tests.fakes.gguf_files import write_model
from tests.fakes.llama_house import is_alive, stub_python

OWNER = Identity("owner", Role.OWNER, frozenset())
NAMES = ("fox", "owl", "hare", "wren", "crow", "silent", "stubborn")
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


class Lent:
    """A GPU with room for everything."""

    async def has_gpu(self) -> bool:
        return True

    @contextlib.asynccontextmanager
    async def lent(self, _need: Need, _evict: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        yield ""


class Ahead(Clock):
    """A clock that tests put forward."""

    by_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.by_s


class Rig:
    """Language models as children of a bootstrap."""

    def __init__(self, folk: Family, db: Database) -> None:
        self.folk = folk
        self.models = folk.folder / "llm"
        self.clock = Ahead()
        self.supervisor = Supervisor(socket_path=folk.socket_path)
        self._rows = ModelFileStore(db)
        self._files = LanguageFiles(
            root=self.models,
            files=self._rows,
            store=LanguageModelStore(db),
            is_catalogued=lambda _: True,
            clock=Clock(),
        )

    async def fill(self) -> None:
        """Have all models there, seen and known."""
        rows = []
        for name in NAMES:
            facts = write_model(self.models / f"{name}.gguf").stat()
            rows.append(
                ModelFile(
                    id=name,
                    root=LLM,
                    place=LLM,
                    folder=LLM,
                    name=f"{name}.gguf",
                    size_bytes=facts.st_size,
                    mtime_ns=facts.st_mtime_ns,
                    added_at=0,
                    sha256=name,
                )
            )
        await self._rows.put(rows)

    async def set(self, name: str, **said: Any) -> None:
        """Have a model run so from its next start on."""
        await self._files.set(name, LanguageSettings(**said))

    async def remove(self, name: str) -> None:
        """Take a model's file away, as a scan sees it."""
        (self.models / f"{name}.gguf").unlink()
        await self._rows.put([], gone=[name])

    def language(self, *, load_s: float = 60, charge: Charge = lambda *_: None) -> LocalLanguage:
        places = Places(
            supervisor=self.supervisor,
            specs=LanguageSpecs(self.folk.folder / "work"),
            clock=self.clock,
            backoff_s=0.1,
            load_s=load_s,
        )
        return LocalLanguage(
            files=self._files,
            places=places,
            room=Lent(),
            charge=charge,
            record=lambda *_, **__: None,
        )

    async def loads(self, name: str) -> None:
        """Once the server of a model has begun."""
        await until(lambda: (self.models / f"{name}.config").exists())


@pytest.fixture
def folk() -> Iterator[Family]:
    with family() as made:
        (made.folder / "work").mkdir()
        made.limits["stop_grace_s"] = 1.5
        python = stub_python(made.folder)
        for slot in SLOTS:
            argv = [sys.executable, "-m", "boot.language_worker", "--slot", slot]
            argv += ["--work", str(made.folder / "work"), "--models", str(made.folder / "llm")]
            made.children.append(
                {"name": slot, "kind": "language", "argv": [*argv, "--python", python]}
            )
        made.start()
        yield made


@pytest.fixture
async def rig(folk: Family, tmp_path: Path) -> AsyncIterator[Rig]:
    db = Database(tmp_path / "studio.db")
    await db.open(prepare)
    made = Rig(folk, db)
    await made.fill()
    yield made
    await db.close()


@contextlib.asynccontextmanager
async def closing(local: LocalLanguage) -> AsyncIterator[LocalLanguage]:
    try:
        yield local
    finally:
        await local.close()


def prepare(connection: sqlite3.Connection) -> None:
    migrate(connection)


async def until(fits: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while True:
            if fits():
                return
            await asyncio.sleep(0.02)


async def enters(local: LocalLanguage, name: str, state: str) -> ModelState:
    """How a model is once its server is in a state."""
    async with asyncio.timeout(30):
        while True:
            found = await local.state(name)
            if found.server is not None and found.server.state == state:
                return found
            await asyncio.sleep(0.02)


async def says(local: LocalLanguage, name: str) -> str:
    asked = {**HELLO, "model": name}
    answer = await local.ask("chat/completions", asked, user_id="owner")
    return str(answer["choices"][0]["message"]["content"])


async def test_the_place_of_a_model_that_still_ends_is_not_given_away(rig: Rig) -> None:
    async with closing(rig.language()) as local:
        assert await says(local, "stubborn") == "stubborn says so so"
        ending = asyncio.create_task(local.stop(OWNER, "stubborn"))
        await until(lambda: local.running == 0)
        assert await says(local, "fox") == "fox says so so"
        await ending


async def test_whoever_needs_one_of_four_places_waits_for_the_one_that_is_left(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.services.local_language.SLOTS", SLOTS[:1])
    async with closing(rig.language()) as local:
        await says(local, "stubborn")
        ending = asyncio.create_task(local.stop(OWNER, "stubborn"))
        await until(lambda: local.running == 0)
        assert await says(local, "fox") == "fox says so so"
        assert ending.done()


async def test_what_an_owner_who_left_began_to_end_is_ended(rig: Rig) -> None:
    async with closing(rig.language()) as local:
        await says(local, "stubborn")
        ending = asyncio.create_task(local.stop(OWNER, "stubborn"))
        await until(lambda: local.running == 0)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
    assert (await rig.supervisor.status())["language-1"].state == "stopped"


async def test_an_old_child_in_its_place_is_ended_first(rig: Rig) -> None:
    async with closing(rig.language()) as earlier:
        await says(earlier, "owl")
        old = (await rig.supervisor.status())["language-1"]
        async with closing(rig.language()) as local:
            assert await says(local, "fox") == "fox says so so"
            assert (await rig.supervisor.status())["language-1"].pid != old.pid


async def test_a_model_that_never_answers_is_ended(rig: Rig) -> None:
    async with closing(rig.language(load_s=2)) as local:
        with pytest.raises(ModelNotRunning, match="did not answer for 2 s"):
            await says(local, "silent")
        assert (await rig.supervisor.status())["language-1"].state == "stopped"
        # It is not loaded again and again, but when somebody says so.
        with pytest.raises(ModelNotRunning, match="did not answer"):
            await says(local, "silent")


async def test_a_model_that_runs_answers_while_another_one_is_loaded(rig: Rig) -> None:
    async with closing(rig.language()) as local:
        await says(local, "fox")
        waiting = asyncio.create_task(says(local, "silent"))
        await rig.loads("silent")
        async with asyncio.timeout(20):
            assert await says(local, "fox") == "fox says so so"
        assert not waiting.done()
        await local.stop(OWNER, "silent")
        with pytest.raises(ModelNotRunning):
            await waiting


async def test_what_bootstrap_refused_is_tried_again_at_the_next_request(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with closing(rig.language()) as local:
        monkeypatch.setattr("studio.services.local_language.SLOTS", ("language-9",))
        with pytest.raises(ModelNotRunning, match="cannot run language models"):
            await says(local, "fox")
        monkeypatch.undo()
        assert await says(local, "fox") == "fox says so so"


async def test_a_file_that_changed_since_it_was_judged_is_not_started(rig: Rig) -> None:
    async with closing(rig.language()) as local:
        write_model(rig.models / "fox.gguf", seed=2)
        with pytest.raises(ModelNotConfirmed, match="has changed since it was looked at"):
            await says(local, "fox")
        assert not (rig.models / "fox.config").exists()


async def test_a_file_that_changed_is_not_started_again_after_a_crash(rig: Rig) -> None:
    async with closing(rig.language()) as local:
        await says(local, "fox")
        write_model(rig.models / "fox.gguf", seed=2)
        await rig.supervisor.signal("language-1", "KILL")
        found = await enters(local, "fox", "failed")
        assert found.server is not None and "has changed" in found.server.reason


async def states(local: LocalLanguage) -> dict[str, str]:
    """How each model that has a place is."""
    return {one.model.id: one.server.state for one in await local.states() if one.server}


async def test_the_model_that_was_used_longest_ago_makes_place_for_a_fifth(rig: Rig) -> None:
    async with closing(rig.language()) as local:
        for name in ("fox", "owl", "hare", "wren", "fox"):
            await says(local, name)
        assert await says(local, "crow") == "crow says so so"
        assert set(await states(local)) == {"fox", "hare", "wren", "crow"}


async def test_a_pinned_model_makes_place_for_nobody(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.services.local_language.SLOTS", SLOTS[:2])
    await rig.set("fox", pinned=True)
    async with closing(rig.language()) as local:
        await says(local, "fox")
        await says(local, "owl")
        assert await says(local, "hare") == "hare says so so"
        assert set(await states(local)) == {"fox", "hare"}
        await rig.set("owl", pinned=True)
        await says(local, "owl")
        with pytest.raises(ModelNotRunning, match="all are busy or pinned"):
            await says(local, "wren")
        assert set(await states(local)) == {"fox", "owl"}


async def test_a_model_that_somebody_reads_from_makes_place_for_nobody(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.services.local_language.SLOTS", SLOTS[:1])
    slow = {"model": "fox", "messages": [{"role": "user", "content": "slow"}]}
    async with closing(rig.language()) as local:
        async with contextlib.aclosing(
            local.stream("chat/completions", slow, user_id="one")
        ) as chunks:
            await anext(chunks)
            with pytest.raises(ModelNotRunning, match="all are busy or pinned"):
                await says(local, "owl")
            assert await anext(chunks)
        assert await says(local, "owl") == "owl says so so"


async def test_a_model_that_nobody_asks_is_stopped_after_its_time_and_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.services.local_language._IDLE_LOOK_S", 0.02)
    await rig.set("owl", keep_minutes=60)
    await rig.set("hare", keep_minutes=0)
    await rig.set("wren", pinned=True)
    async with closing(rig.language()) as local:
        for name in ("fox", "owl", "hare", "wren"):
            await says(local, name)
        pid = (await rig.supervisor.status())["language-1"].pid
        assert pid is not None
        looking = asyncio.create_task(local.run())
        rig.clock.by_s = 9 * 60
        await asyncio.sleep(0.2)
        assert set(await states(local)) == {"fox", "owl", "hare", "wren"}
        rig.clock.by_s = 11 * 60
        await until(lambda: local.running == 3)
        assert set(await states(local)) == {"owl", "hare", "wren"}
        await until(lambda: not is_alive(pid))
        rig.clock.by_s = 61 * 60
        await until(lambda: local.running == 2)
        assert set(await states(local)) == {"hare", "wren"}
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
