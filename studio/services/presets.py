"""Presets: saved, shared, copied, handed on. Running them is ``batches``'s work."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.errors import InvalidPrompt, NotFound, WorkflowNotShared
from studio.graphs.filling import check
from studio.graphs.manifests.manifest import FILE_TYPES, Manifest
from studio.graphs.questions import Question, questions
from studio.models import Asset, Identity
from studio.services import preset_fields as fields
from studio.services.assets import AssetService
from studio.services.workflows import WorkflowService
from studio.store.assets import AssetStore
from studio.store.presets import Preset, PresetFilter, PresetStore

FILE_VERSION: Final = 1
_FIELDS: Final = frozenset(
    {
        "name", "description", "workflow_id", "workflow_version", "values", "tags", "rating",
        "cover", "shared",
    }
)  # fmt: skip
_EXPORTED: Final = ("name", "description", "workflow_id", "workflow_version", "tags", "rating")


@dataclass(frozen=True, slots=True)
class PresetView:
    """A preset as somebody sees it. ``editable``: they may change it."""

    preset: Preset
    questions: Sequence[Question]
    editable: bool


class PresetService:
    """Presets of a caller, and those that others share.

    Args:
        record: tells the activity log: who, what kind of thing, which.
    """

    def __init__(
        self,
        *,
        presets: PresetStore,
        workflows: WorkflowService,
        assets: AssetService,
        pictures: AssetStore,
        clock: Clock,
        record: Callable[..., None],
    ) -> None:
        self._presets = presets
        self._workflows = workflows
        self._assets = assets
        self._pictures = pictures
        self._clock = clock
        self._record = record

    async def page(
        self, identity: Identity, wanted: PresetFilter
    ) -> tuple[Sequence[PresetView], int]:
        """A page of what the caller may see, and how many there are in all."""
        found, total = await self._presets.page(whose(identity), wanted)
        return [_view(identity, preset) for preset in found], total

    async def get(self, identity: Identity, preset_id: str) -> PresetView:
        """Raises ``NotFound`` for one that the caller may not see."""
        return _view(identity, await self._presets.get(preset_id, whose(identity)))

    async def create(self, identity: Identity, body: Mapping[str, Any]) -> PresetView:
        """Save a new preset of the caller's.

        Raises:
            InvalidPreset: a field does not fit, or there is no such workflow, version or input.
            InvalidPrompt: a text in its values cannot be read.
            Conflict: the caller has as many as there may be.
        """
        fields.known_fields(body, _FIELDS)
        now_ms = self._clock.now_ms()
        preset = Preset(
            id=new_id(),
            user_id=identity.user_id,
            user_name="",
            name=fields.name_of(body),
            description=fields.text_of(body, "description", fields.MAX_DESCRIPTION),
            workflow_id=fields.id_of(body, "workflow_id") or "",
            workflow_version=fields.version_of(body, "workflow_version"),
            values=fields.values_of(body),
            tags=fields.tags_of(body),
            rating=fields.rating_of(body),
            cover=fields.id_of(body, "cover"),
            shared=fields.flag_of(body, "shared"),
            created_at=now_ms,
            updated_at=now_ms,
        )
        await self._check_values(identity, preset, sharing=preset.shared)
        await self._check_cover(identity, preset.cover)
        return await self._add(identity, preset)

    async def update(
        self, identity: Identity, preset_id: str, body: Mapping[str, Any]
    ) -> PresetView:
        """Change what is given of a preset.

        Raises:
            NotFound: it is nobody's, or not the caller's to change.
            InvalidPreset, InvalidPrompt: see ``create``.
        """
        fields.known_fields(body, _FIELDS)
        before = await self._presets.get(preset_id, whose(identity), own=True)
        readers: dict[str, Callable[[], Any]] = {
            "name": lambda: fields.name_of(body),
            "description": lambda: fields.text_of(body, "description", fields.MAX_DESCRIPTION),
            "workflow_id": lambda: fields.id_of(body, "workflow_id") or "",
            "workflow_version": lambda: fields.version_of(body, "workflow_version"),
            "values": lambda: fields.values_of(body),
            "tags": lambda: fields.tags_of(body),
            "rating": lambda: fields.rating_of(body),
            "cover": lambda: fields.id_of(body, "cover"),
            "shared": lambda: fields.flag_of(body, "shared"),
        }
        changes = {name: read() for name, read in readers.items() if name in body}
        preset = replace(before, **changes, updated_at=self._clock.now_ms())
        # Whoever only edits one that is shared is not asked whether its workflow still is.
        kept = before.shared and before.workflow_id == preset.workflow_id
        sharing = preset.shared and not kept
        if sharing or changes.keys() & {"workflow_id", "workflow_version", "values"}:
            await self._check_values(identity, preset, sharing=sharing)
        if preset.cover != before.cover:
            await self._check_cover(identity, preset.cover)
        await self._presets.update(preset)
        self._record(identity.user_id, "preset.saved", preset.name, id=preset.id)
        return await self.get(identity, preset_id)

    async def trash(self, identity: Identity, preset_id: str) -> None:
        """Raises ``NotFound`` when it is not the caller's to throw away."""
        await self._move(identity, preset_id, self._clock.now_ms(), "preset.trashed")

    async def restore(self, identity: Identity, preset_id: str) -> PresetView:
        """Take a preset out of the trash again; raises ``NotFound`` when it is not the caller's."""
        await self._move(identity, preset_id, None, "preset.restored")
        return await self.get(identity, preset_id)

    async def _move(
        self, identity: Identity, preset_id: str, trashed_at: int | None, kind: str
    ) -> None:
        preset = await self._presets.get(preset_id, whose(identity), own=True)
        if (preset.trashed_at is None) != (trashed_at is None):
            await self._presets.update(replace(preset, trashed_at=trashed_at))
            self._record(identity.user_id, kind, preset.name, id=preset.id)

    async def duplicate(
        self, identity: Identity, preset_id: str, body: Mapping[str, Any]
    ) -> PresetView:
        """A private copy of the caller's own.

        Raises:
            NotFound: the caller may not see it.
            InvalidPreset: the name does not fit, or the caller may not see its workflow.
        """
        fields.known_fields(body, {"name"})
        original = await self._presets.get(preset_id, whose(identity))
        now_ms = self._clock.now_ms()
        copy = replace(
            original,
            id=new_id(),
            user_id=identity.user_id,
            name=fields.name_of(body) if "name" in body else original.name,
            cover=original.cover if original.user_id == identity.user_id else None,
            shared=False,
            created_at=now_ms,
            updated_at=now_ms,
            trashed_at=None,
        )
        await self._check_values(identity, copy, sharing=False)
        return await self._add(identity, copy)

    async def export(self, identity: Identity, preset_id: str) -> dict[str, Any]:
        """A preset as a file that another Studio imports: nothing of who made it."""
        preset = await self._presets.get(preset_id, whose(identity))
        kept = {name: getattr(preset, name) for name in _EXPORTED}
        return {"preset": FILE_VERSION, "id": preset.id, **kept, "values": preset.values}

    async def import_file(self, identity: Identity, body: Mapping[str, Any]) -> PresetView:
        """A new preset of the caller's from an exported file. Its id is looked at, never used.

        Raises:
            InvalidPreset: it is no such file, or see ``create``.
        """
        if type(body.get("preset")) is not int or body["preset"] != FILE_VERSION:
            raise fields.wrong("preset", f"must be {FILE_VERSION}: this is no exported preset.")
        given = body.get("id")
        if given is not None and not _is_id(given):
            raise fields.wrong("id", "must be a UUID.")
        fields.known_fields(body, {*_EXPORTED, "values", "preset", "id"})
        rest = {name: value for name, value in body.items() if name not in ("preset", "id")}
        return await self.create(identity, rest)

    async def cover(self, identity: Identity, preset_id: str) -> Asset:
        """The image or video of a preset that the caller may see, whoever's it is.

        Raises:
            NotFound: there is no such preset, or it has none.
        """
        preset = await self._presets.get(preset_id, whose(identity))
        # Who may see the preset may see its picture: whoever chose it could.
        asset = None if preset.cover is None else await self._pictures.get(preset.cover, None)
        if asset is None:
            raise NotFound("This preset has no cover.")
        return asset

    async def _add(self, identity: Identity, preset: Preset) -> PresetView:
        await self._presets.add(preset)
        self._record(identity.user_id, "preset.saved", preset.name, id=preset.id)
        return await self.get(identity, preset.id)

    async def _check_values(self, identity: Identity, preset: Preset, *, sharing: bool) -> None:
        try:
            workflow = await self._workflows.open(
                identity, preset.workflow_id, preset.workflow_version
            )
        except NotFound as error:
            raise fields.wrong("workflow_id", f"leads to nothing: {error.message}") from error
        for name in preset.values:
            if workflow.manifest.input(name) is None:
                raise fields.wrong(f"values.{name}"[:100], "is no input of that workflow.")
        if sharing and not workflow.for_everybody:
            raise WorkflowNotShared(
                "The workflow of this preset is yours alone. Share that first.",
                details={"where": "shared", "workflow_id": preset.workflow_id},
            )
        check(workflow.manifest, preset.values)
        if preset.shared:
            await self._check_files(preset, workflow.manifest)

    async def _check_files(self, preset: Preset, manifest: Manifest) -> None:
        """Refuse to share what would not run: only files of the preset's own user come along."""
        for name, value in preset.values.items():
            each = manifest.input(name)
            if each is None or each.type not in FILE_TYPES:
                continue
            for file in value if isinstance(value, list) else [value]:
                asset_id = file.get("asset") if isinstance(file, dict) else None
                if isinstance(asset_id, str):
                    asset = await self._pictures.get(asset_id, preset.user_id)
                    if asset is None or asset.trashed_at is not None:
                        raise fields.wrong(
                            f"values.{name}",
                            "names a file that is not among yours, so nobody else could run this. "
                            "Choose one of your own, or leave the preset unshared.",
                        )

    async def _check_cover(self, identity: Identity, asset_id: str | None) -> None:
        if asset_id is None:
            return
        try:
            asset = await self._assets.get(identity, asset_id, own=True)
        except NotFound as error:
            raise fields.wrong("cover", "is none of your files.") from error
        if not asset.content_type.startswith(("image/", "video/")):
            raise fields.wrong("cover", "must be an image or a video.")


def whose(identity: Identity) -> str | None:
    """The user whose rows a caller sees; ``None`` for everybody's."""
    return None if identity.sees_all else identity.user_id


def _view(identity: Identity, preset: Preset) -> PresetView:
    try:
        asked: Sequence[Question] = questions(preset.values)
    except InvalidPrompt:
        # Read by an earlier release, refused by this one: running it says why.
        asked = ()
    return PresetView(preset, asked, identity.sees_all or preset.user_id == identity.user_id)


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
