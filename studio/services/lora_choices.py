"""LoRAs as somebody chooses one: what each is for, and whether it fits what it is to change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from studio.services.catalog import Catalog
from studio.services.families import Family
from studio.store.model_files import ModelFile, ModelFileStore, ModelFilter

MAX_LISTED: Final = 5000
_LORAS: Final = "loras"
_MODELS: Final = ("checkpoints", "diffusion_models")


@dataclass(frozen=True, slots=True)
class LoraChoice:
    """One file. ``fits`` is ``None`` where a family is not known."""

    file: ModelFile
    family: Family | None
    trigger_words: tuple[str, ...]
    fits: bool | None


class LoraChoices:
    """Knows them from their headers, from what people wrote down, and from the catalogs."""

    def __init__(self, *, files: ModelFileStore, catalog: Catalog) -> None:
        self._files = files
        self._catalog = catalog

    async def list(
        self, *, checkpoint: str = "", base_model: str = ""
    ) -> tuple[Family | None, list[LoraChoice]]:
        """The family that is looked for, and every LoRA that is whole.

        Args:
            checkpoint: the file that was chosen.
            base_model: what a workflow is for, where nothing is known of the file.
        """
        wanted = self._family_of_model(checkpoint, await self._files.all())
        wanted = wanted or self._catalog.families.find(base_model)
        loras, _ = await self._files.page(ModelFilter(folder=_LORAS, limit=MAX_LISTED))
        return wanted, [self._choice(file, wanted) for file in loras if not file.fault]

    def _family_of_model(self, name: str, files: Iterable[ModelFile]) -> Family | None:
        if not name:
            return None
        for file in files:
            if file.folder in _MODELS and file.name == name and file.family:
                return self._catalog.families.find(file.family)
        listed = self._catalog.find(name, None, None)
        return None if listed is None else self._catalog.families.find(listed[0].family)

    def _choice(self, file: ModelFile, wanted: Family | None) -> LoraChoice:
        families = self._catalog.families
        listed = self._catalog.find(file.name, _LORAS, file.sha256)
        entry = None if listed is None else listed[0]
        family = families.find(file.family) or families.find(entry.family if entry else None)
        words = file.trigger_words or (entry.trigger_words if entry else ())
        fits = None
        if wanted is not None and family is not None:
            fits = families.compatible(wanted.id, family.id)
        return LoraChoice(file, family, tuple(words), fits)
