"""Whose bytes llama.cpp gets: a catalog's, or those the owner vouches for, as they were judged."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.clock import Clock
from studio.language_errors import ModelNotConfirmed
from studio.services.language_files import InstalledModel, LanguageFiles
from studio.store.db import Database
from studio.store.language_models import LanguageModelStore, LanguageSettings
from studio.store.migrations import migrate
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_roots import LLM
from tests.unit.test_gguf_heads import entry, file

MODEL = file()
EYES = file(entries=(entry("general.architecture", 8, b"clip"),))
LISTED = "a" * 64
OTHER = "b" * 64


def prepare(connection: sqlite3.Connection) -> None:
    migrate(connection)


class Rig:
    """A folder of models, of which a catalog has those with the hash ``LISTED``."""

    def __init__(self, root: Path, db: Database) -> None:
        self.root = root
        self._rows = ModelFileStore(db)
        self.files = LanguageFiles(
            root=root,
            files=self._rows,
            store=LanguageModelStore(db),
            is_catalogued=lambda row: row.sha256 == LISTED,
            clock=Clock(),
        )

    async def put(self, name: str, content: bytes = MODEL, *, sha256: str = OTHER) -> None:
        """A file that came from a hub, which gave this hash for it."""
        path = self.root / f"{name}.gguf"
        path.write_bytes(content)
        facts = path.stat()
        row = ModelFile(
            id=name,
            root=LLM,
            place=LLM,
            folder=LLM,
            name=path.name,
            size_bytes=facts.st_size,
            mtime_ns=facts.st_mtime_ns,
            added_at=0,
            sha256=sha256,
            expected_sha256=sha256,
            reference="hf:someone/something/file.gguf",
        )
        await self._rows.put([row])

    async def eyes(self, model: str) -> str | None:
        found = (await self.files.get(model)).projector
        return None if found is None else found.id


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    db = Database(tmp_path / "studio.db")
    await db.open(prepare)
    root = tmp_path / "llm"
    root.mkdir()
    yield Rig(root, db)
    await db.close()


def is_run(model: InstalledModel) -> bool:
    try:
        model.check()
    except ModelNotConfirmed:
        return False
    return True


@pytest.mark.parametrize(
    ("content", "sha256", "trust"),
    [(MODEL, LISTED, "known"), (MODEL, OTHER, "unknown"), (MODEL[:-1], LISTED, "unknown")],
    ids=["a catalog's", "a hub's", "a catalog's that does not hold together"],
)
async def test_only_a_catalog_s_bytes_that_hold_together_are_known(
    rig: Rig, content: bytes, sha256: str, trust: str
) -> None:
    await rig.put("fox", content, sha256=sha256)
    model = await rig.files.get("fox")
    assert model.file.trust == trust
    assert is_run(model) == (trust == "known")


@pytest.mark.parametrize("how", ["longer", "later", "away"])
async def test_a_file_that_is_no_longer_the_one_that_was_judged_is_not_run(
    rig: Rig, how: str
) -> None:
    await rig.put("fox", sha256=LISTED)
    model = await rig.files.get("fox")
    model.look_again()
    if how == "longer":
        times = model.file.path.stat()
        model.file.path.write_bytes(MODEL + b"x")
        os.utime(model.file.path, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif how == "later":
        os.utime(model.file.path, ns=(0, model.file.path.stat().st_mtime_ns + 1))
    else:
        model.file.path.unlink()
    with pytest.raises(ModelNotConfirmed, match="has changed since it was looked at"):
        model.look_again()


async def test_its_eyes_are_judged_with_it(rig: Rig) -> None:
    await rig.put("fox-q4", sha256=LISTED)
    await rig.put("mmproj-fox-f16", EYES, sha256=LISTED)
    model = await rig.files.get("fox-q4")
    os.truncate(rig.root / "mmproj-fox-f16.gguf", 1)
    with pytest.raises(ModelNotConfirmed, match="mmproj-fox-f16"):
        model.look_again()


@pytest.mark.parametrize(
    ("model", "eyes", "found"),
    [
        ("fox-q4", ["mmproj-fox-f16"], "mmproj-fox-f16"),
        ("fox", ["mmproj-fox-f16"], "mmproj-fox-f16"),
        ("fox", ["mmproj-fox"], "mmproj-fox"),
        ("foxhound-q4", ["mmproj-fox-f16"], None),
        ("fox-q4", ["mmprojfox-f16"], None),
        ("fox-t-q4", ["mmproj-fox-f16", "mmproj-fox-t-f16"], "mmproj-fox-t-f16"),
    ],
)
async def test_eyes_belong_to_the_model_that_their_name_says_whole(
    rig: Rig, model: str, eyes: list[str], found: str | None
) -> None:
    await rig.put(model, sha256=LISTED)
    for each in eyes:
        await rig.put(each, EYES, sha256=LISTED)
    assert await rig.eyes(model) == found


async def test_eyes_that_nobody_knows_do_not_come_to_a_known_model_by_themselves(rig: Rig) -> None:
    await rig.put("fox-q4", sha256=LISTED)
    await rig.put("mmproj-fox-f16", EYES)
    assert await rig.eyes("fox-q4") is None
    assert is_run(await rig.files.get("fox-q4"))
    chosen = await rig.files.set("fox-q4", LanguageSettings(projector="mmproj-fox-f16.gguf"))
    assert not is_run(chosen)
    assert is_run(await rig.files.confirm("fox-q4"))


async def test_the_owner_vouches_for_a_model_and_its_eyes_at_once(rig: Rig) -> None:
    await rig.put("fox-q4")
    await rig.put("mmproj-fox-f16", EYES)
    assert not is_run(await rig.files.get("fox-q4"))
    assert is_run(await rig.files.confirm("fox-q4"))
    assert await rig.eyes("fox-q4") == "mmproj-fox-f16"


async def test_what_a_disk_could_not_read_once_is_read_when_it_can(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Path) -> None:
        raise OSError("The disk is away.")

    await rig.put("fox", sha256=LISTED)
    with monkeypatch.context() as disk:
        disk.setattr("studio.services.language_files.read_gguf", away)
        assert (await rig.files.get("fox")).file.fault == "The file cannot be read."
    model = await rig.files.get("fox")
    assert (model.file.fault, model.file.trust) == ("", "known")
