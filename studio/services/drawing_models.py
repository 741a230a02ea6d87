"""Drawing models: names that programs call, and the presets or workflows that draw for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from studio.clock import Clock
from studio.drawing_errors import DrawingModelNotFound
from studio.errors import NotFound, Unprocessable
from studio.graphs.drawing_fields import check, guess
from studio.graphs.manifests.manifest import Manifest
from studio.graphs.text_to_image import WORKFLOW_ID
from studio.models import Identity
from studio.services.presets import PresetService
from studio.services.workflows import WorkflowService
from studio.store.drawing import DrawingModel, DrawingStore, Target

Task = Literal["generate", "edit"]
TASKS: Final[tuple[Task, ...]] = ("generate", "edit")
DEFAULT: Final = "studio"
"""What draws when a program names no model, or one of OpenAI's that the owner did not name."""
MAX_MODELS: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/ -]{0,99}")
_OPENAI: Final = ("dall-e-", "gpt-image-", "chatgpt-image-")
_BUILT_IN: Final[Mapping[Task, Target]] = {
    "generate": Target(workflow_id=WORKFLOW_ID),
    "edit": Target(workflow_id="image-to-image"),
}
_WITH_MASK: Final = Target(workflow_id="inpainting")
_TARGET: Final = frozenset({"preset_id", "workflow_id", "fields"})


@dataclass(frozen=True, slots=True)
class Draws:
    """What draws for a task, as its caller may see it.

    ``fields`` are those that count: what the owner said, and a guess for the rest.
    """

    target: Target
    name: str
    manifest: Manifest
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model with what draws; ``built_in`` as long as the owner said nothing about it."""

    model: DrawingModel
    draws: Mapping[Task, Draws]
    built_in: bool


class DrawingModels:
    """Finds what draws under a name; the owner says what.

    Args:
        record: tells the activity log: who, what kind of thing, which.
    """

    def __init__(
        self,
        *,
        store: DrawingStore,
        presets: PresetService,
        workflows: WorkflowService,
        clock: Clock,
        record: Callable[..., None],
    ) -> None:
        self._store = store
        self._presets = presets
        self._workflows = workflows
        self._clock = clock
        self._record = record

    async def views(self, identity: Identity) -> list[ModelView]:
        """Every model with what the caller may see of it, the default first."""
        found = []
        for model in await self._all():
            draws: dict[Task, Draws] = {}
            for task in TASKS:
                target = _of(model, task)
                seen = None if target is None else await self._seen(identity, target)
                if seen is not None:
                    draws[task] = seen
            found.append(ModelView(model, draws, not model.updated_at))
        return found

    async def drawing_models(self, identity: Identity) -> list[str]:
        """The names under which something draws for the caller."""
        return [view.model.name for view in await self.views(identity) if view.draws]

    async def find(
        self, identity: Identity, name: str | None, task: Task, *, with_mask: bool = False
    ) -> Draws:
        """What draws under a name.

        Raises:
            DrawingModelNotFound: nothing does, for this caller and this task.
        """
        models = {model.name: model for model in await self._all()}
        wanted = name or DEFAULT
        model = models.get(wanted)
        if model is None and wanted.startswith(_OPENAI):
            model = models[DEFAULT]
        if model is None:
            raise DrawingModelNotFound(
                f"There is no drawing model “{wanted[:100]}” here.", details={"field": "model"}
            )
        target = _of(model, task)
        if with_mask and target == _BUILT_IN["edit"]:
            target = _WITH_MASK
        draws = None if target is None else await self._seen(identity, target)
        if draws is None:
            what = "draw from words" if task == "generate" else "change pictures"
            raise DrawingModelNotFound(
                f"“{model.name}” does not {what} for you: nothing is set for it, or it is not "
                "shared.",
                details={"field": "model"},
            )
        return draws

    async def put(self, identity: Identity, name: str, body: Mapping[str, Any]) -> ModelView:
        """Say what draws under a name; ``None`` for a task: nothing.

        Raises:
            Unprocessable: the name, a target or a field does not fit.
            Conflict: there are too many.
        """
        if not _NAME.fullmatch(name) or name != name.strip():
            raise Unprocessable(
                "A drawing model's name has up to 100 letters, digits, spaces and . _ : / -, and "
                "begins with a letter or digit.",
                details={"field": "name"},
            )
        if unknown := sorted(body.keys() - set(TASKS)):
            raise Unprocessable(f"Unknown field {unknown[0][:100]}.", details={"fields": unknown})
        targets = {task: _read(task, body.get(task)) for task in TASKS}
        if not any(targets.values()):
            raise Unprocessable("Say what draws: generate, edit, or both.")
        for task, target in targets.items():
            if target is not None:
                await self._check(identity, task, target)
        model = DrawingModel(name, targets["generate"], targets["edit"], self._clock.now_ms())
        await self._store.put(model, MAX_MODELS)
        self._record(identity.user_id, "drawing_model.saved", name)
        return next(view for view in await self.views(identity) if view.model.name == name)

    async def delete(self, identity: Identity, name: str) -> None:
        """Forget what was said about a name; raises ``NotFound``."""
        await self._store.delete(name)
        self._record(identity.user_id, "drawing_model.deleted", name)

    async def _all(self) -> list[DrawingModel]:
        stored = await self._store.list()
        own = [model for model in stored if model.name == DEFAULT]
        default = DrawingModel(DEFAULT, _BUILT_IN["generate"], _BUILT_IN["edit"])
        return [*(own or [default]), *(model for model in stored if model.name != DEFAULT)]

    async def _seen(self, identity: Identity, target: Target) -> Draws | None:
        try:
            return await self._open(identity, target)
        except NotFound:
            return None

    async def _open(self, identity: Identity, target: Target) -> Draws:
        workflow_id, version, name = target.workflow_id or "", None, None
        if target.preset_id is not None:
            preset = (await self._presets.get(identity, target.preset_id)).preset
            if preset.trashed_at is not None:
                raise NotFound("This preset is in the trash.")
            workflow_id, version, name = preset.workflow_id, preset.workflow_version, preset.name
        manifest = (await self._workflows.open(identity, workflow_id, version)).manifest
        fields = {**guess(manifest), **target.fields}
        return Draws(target, name or manifest.name, manifest, fields)

    async def _check(self, identity: Identity, task: Task, target: Target) -> None:
        try:
            draws = await self._open(identity, target)
        except NotFound as error:
            raise Unprocessable(f"{task}: {error.message}", details={"field": task}) from error
        check(draws.manifest, target.fields)
        wanted = ("prompt",) if task == "generate" else ("prompt", "image")
        for role in wanted:
            if role not in draws.fields:
                raise Unprocessable(
                    f"“{draws.name}” has no input that takes the {role}.",
                    details={"field": task, "role": role},
                )


def _of(model: DrawingModel, task: Task) -> Target | None:
    return model.generate if task == "generate" else model.edit


def _read(task: Task, given: object) -> Target | None:
    if given is None:
        return None
    if not isinstance(given, dict) or given.keys() - _TARGET:
        raise Unprocessable(
            f"{task} must be an object with preset_id or workflow_id, and fields.",
            details={"field": task},
        )
    preset_id, workflow_id = given.get("preset_id"), given.get("workflow_id")
    fields = given.get("fields") or {}
    ids = [one for one in (preset_id, workflow_id) if one is not None]
    if len(ids) != 1 or not isinstance(ids[0], str) or len(ids[0]) > 200:
        raise Unprocessable(
            f"{task} needs one of preset_id and workflow_id.", details={"field": task}
        )
    is_map = isinstance(fields, dict) and len(fields) <= 20
    if not is_map or not all(isinstance(value, str) for value in fields.values()):
        raise Unprocessable(
            f"{task}.fields must name an input for each role.", details={"field": f"{task}.fields"}
        )
    return Target(preset_id, workflow_id, fields)
