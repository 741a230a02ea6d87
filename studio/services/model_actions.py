"""What its owner does with a model file: move it, delete it, write down what they know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import Forbidden, ModelInUse, ModelNeeded, Unprocessable
from studio.models import Identity, Record
from studio.services.catalog import Catalog
from studio.services.model_files import ModelFiles
from studio.store.model_disk import delete_file, look, move_file
from studio.store.model_files import CHANGEABLE, ModelFile, ModelFileStore
from studio.store.model_roots import LLM, ModelRoots, check_folder

MAX_NOTES: Final = 4000
MAX_WORDS: Final = 100

Needing = Callable[[ModelFile], Awaitable[Sequence[tuple[str, str]]]]
"""The workflows that name a file, by (id, name)."""


@dataclass(frozen=True, slots=True)
class Dependents:
    """Who would miss a file: workflows by (id, name), and whether a job that is not done would."""

    workflows: tuple[tuple[str, str], ...]
    in_use: bool


class ModelActions:
    """Changes files and their rows together.

    Args:
        workflows: who needs a file.
        record: told what people did.
    """

    def __init__(
        self,
        *,
        files: ModelFiles,
        store: ModelFileStore,
        roots: ModelRoots,
        catalog: Catalog,
        workflows: Needing,
        record: Record,
    ) -> None:
        self._files = files
        self._store = store
        self._roots = roots
        self._catalog = catalog
        self._workflows = workflows
        self._record = record

    async def dependents(self, file: ModelFile) -> Dependents:
        """Who would miss a file."""
        return Dependents(tuple(await self._workflows(file)), await self._in_use(file))

    def is_writable(self, file: ModelFile) -> bool:
        """Whether it may be moved and deleted."""
        return self._roots.is_writable(file.root)

    async def change(
        self, identity: Identity, file_id: str, wanted: Mapping[str, Any]
    ) -> ModelFile:
        """Store notes, a star, the base model or the trigger words that somebody knows better.

        Raises:
            NotFound, Unprocessable: the field is named.
        """
        changes = dict(wanted)
        for name, value in wanted.items():
            if name not in CHANGEABLE or not _fits(name, value):
                raise Unprocessable(
                    f"{name[:40]} does not take that.", details={"field": name[:40]}
                )
        if family := self._catalog.families.find(changes.get("family")):
            changes["family"] = family.id
        file = await self._store.get(file_id)
        await self._store.change(file_id, changes)
        self._record(identity.user_id, "model.changed", file.name)
        return await self._store.get(file_id)

    async def move(self, identity: Identity, file_id: str, folder: str | None = None) -> ModelFile:
        """Bring a file to another folder: where it belongs, unless ``folder`` says where.

        Raises:
            NotFound, ModelInUse, Forbidden: its root is read-only.
            Unprocessable: nothing is known of where it belongs.
            Conflict: there is a file of that name already, or the disk is another one.
        """
        file = await self._store.get(file_id)
        target = folder or file.belongs_in
        if target is None:
            raise Unprocessable("Say the folder: where this file belongs is not known.")
        check_folder(target)
        await self._require_free(file)
        root = file.root
        if LLM in (target, file.root):
            root, _ = self._roots.destination(target)
        source = self._roots.path(file.root, file.place, file.name)
        place = self._roots.path(root, target, file.name)
        async with self._files.changing():
            await asyncio.to_thread(move_file, source, place)
            seen = await asyncio.to_thread(look, self._roots, root, target, file.name)
            await self._files.follow(file, seen)
        self._record(identity.user_id, "model.moved", file.name, folder=target)
        return await self._store.get(file_id)

    async def delete(self, identity: Identity, file_id: str, *, force: bool = False) -> None:
        """Delete a file for good.

        Raises:
            NotFound, Forbidden, StorageUnavailable.
            ModelInUse: a job that is not done needs it.
            ModelNeeded: workflows need it and ``force`` is not said; the details name them.
        """
        file = await self._store.get(file_id)
        await self._require_free(file)
        workflows = await self._workflows(file)
        if workflows and not force:
            names = ", ".join(f"“{name}”" for _, name in workflows[:3])
            raise ModelNeeded(
                f"Workflows that need this model would not run any more: {names}.",
                details={"workflows": [{"id": one, "name": name} for one, name in workflows]},
            )
        path = self._roots.path(file.root, file.place, file.name)
        async with self._files.changing():
            await asyncio.to_thread(delete_file, path)
            await self._store.put((), [file.id])
        self._record(identity.user_id, "model.deleted", file.name, bytes=file.size_bytes)

    async def _require_free(self, file: ModelFile) -> None:
        if not self._roots.is_writable(file.root):
            raise Forbidden("That folder of models is read-only; Studio changes nothing there.")
        if await self._in_use(file):
            raise ModelInUse(f"A job that is not done yet needs “{file.name}”.")

    async def _in_use(self, file: ModelFile) -> bool:
        names = await self._store.unfinished_models()
        return any(name.replace("\\", "/") == file.name for name in names)


def _fits(name: str, value: Any) -> bool:
    if name == "favourite":
        return isinstance(value, bool)
    if name == "trigger_words":
        return (
            isinstance(value, list)
            and len(value) <= MAX_WORDS
            and all(isinstance(word, str) and 0 < len(word) <= MAX_WORDS for word in value)
        )
    return isinstance(value, str) and len(value) <= MAX_NOTES
