"""How a picture of Civitai was made, as values for a workflow of Studio's: a form, or a preset."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import NotFound
from studio.graphs import questions, wildcards
from studio.graphs.manifests.values import fits
from studio.graphs.text_to_image import WORKFLOW_ID
from studio.models import Identity
from studio.services.civitai_tools import CivitaiTools, SeenPicture, Used
from studio.services.presets import PresetService, PresetView
from studio.services.workflows import WorkflowService

_LORA_TAG: Final = re.compile(r"<(?:lora|lyco|hypernet):[^<>]{1,300}>")
_MEANS_MORE: Final = re.compile(r"__[A-Za-z0-9]|[{}|]|\\[_\\]")
_SPACES: Final = re.compile(r"[ \t]{2,}")
_MAX_TITLE: Final = 60
_TAG: Final = "civitai"


@dataclass(frozen=True, slots=True)
class FilledForm:
    """Values for a workflow. ``left_out`` names what it has no place for, or what is not here."""

    workflow_id: str
    values: Mapping[str, Any]
    left_out: Sequence[str]


class CivitaiRecipes:
    """Fills the form that makes pictures from words, and saves it as a preset.

    Args:
        base_url: where Civitai is, for the pages that presets name.
    """

    def __init__(
        self,
        *,
        tools: CivitaiTools,
        workflows: WorkflowService,
        presets: PresetService,
        base_url: str,
    ) -> None:
        self._tools = tools
        self._workflows = workflows
        self._presets = presets
        self._base_url = base_url

    async def form(self, identity: Identity, seen: SeenPicture) -> FilledForm | None:
        """What the form would be for such a picture; ``None`` when nobody says how it was made."""
        if seen.picture.recipe is None:
            return None
        opened = await self._workflows.open(identity, WORKFLOW_ID)
        wanted = _wanted(seen)
        inputs = {name: opened.manifest.input(name) for name in wanted}
        values = {
            name: value
            for name, value in wanted.items()
            if (each := inputs[name]) is not None and fits(each, value)
        }
        missing = [used.resource.kind for used in seen.used if used.here is None]
        unfit = [name for name in wanted if name not in values]
        return FilledForm(WORKFLOW_ID, values, tuple(dict.fromkeys([*unfit, *missing])))

    async def make_preset(
        self, identity: Identity, picture_id: int, name: str | None
    ) -> tuple[PresetView, Sequence[str]]:
        """A preset of the caller's from a picture of the gallery, and what it leaves out.

        Args:
            name: its name; else how the prompt begins.

        Raises:
            NotFound: the picture is not kept, or nobody says how it was made.
            StudioError: the preset cannot be saved.
        """
        seen = await self._tools.kept_picture(identity, picture_id)
        form = await self.form(identity, seen)
        if form is None:
            raise NotFound("Nobody says how this picture was made.")
        asset = await self._tools.use_as_input(identity, picture_id)
        body = {
            "name": name or _title(seen),
            "description": f"{self._base_url}/images/{picture_id}",
            "workflow_id": form.workflow_id,
            "values": dict(form.values),
            "tags": [_TAG],
            "cover": asset.id,
        }
        return await self._presets.create(identity, body), form.left_out


def _wanted(seen: SeenPicture) -> dict[str, Any]:
    """What the recipe says, by the names of the workflow's inputs; nothing for what it does not."""
    recipe = seen.picture.recipe
    assert recipe is not None
    embeddings = [used for used in seen.used if used.resource.kind == "embedding"]
    wanted: dict[str, Any] = {
        "prompt": _text(recipe.prompt, embeddings),
        "negative": _text(recipe.negative, embeddings),
        "seed": recipe.seed,
        "steps": recipe.steps,
        "cfg": recipe.cfg,
        "sampler": recipe.sampler_name,
        "scheduler": recipe.scheduler,
    }
    if recipe.width is not None and recipe.height is not None:
        wanted["size"] = {"width": recipe.width, "height": recipe.height}
    here = [used for used in seen.used if used.here is not None]
    for used in here:
        assert used.here is not None
        if used.resource.kind == "checkpoint" and used.here.folder == "checkpoints":
            wanted.setdefault("checkpoint", used.here.name)
    wanted["loras"] = [
        {"file": used.here.name, "strength": _strength(used)}
        for used in here
        if used.here is not None and used.here.folder == "loras"
    ]
    return {name: value for name, value in wanted.items() if value not in (None, "", [])}


def _strength(used: Used) -> float:
    return 1.0 if used.resource.weight is None else used.resource.weight


def _text(prompt: str, embeddings: Sequence[Used]) -> str:
    """A prompt that means here what it meant there: LoRAs are chosen apart, embeddings are named as
    ComfyUI does, and nothing in it is a choice or a question."""
    text = _LORA_TAG.sub("", prompt)
    for used in embeddings:
        if used.here is not None and used.resource.name:
            ours = f"embedding:{used.here.name.rpartition('.')[0] or used.here.name}"
            # Split and joined, for in a pattern's replacement a back-slash would mean something.
            parts = re.split(rf"(?<![\w:./-]){re.escape(used.resource.name)}(?![\w-])", text)
            text = ours.join(parts)
    lines = (_SPACES.sub(" ", line).strip(" ,") for line in text.splitlines())
    text = "\n".join(filter(None, lines))
    return questions.literal(wildcards.literal(text) if _MEANS_MORE.search(text) else text)


def _title(seen: SeenPicture) -> str:
    recipe = seen.picture.recipe
    words = "" if recipe is None else " ".join(_LORA_TAG.sub("", recipe.prompt).split())
    if len(words) > _MAX_TITLE:
        words = words[:_MAX_TITLE].rpartition(" ")[0].rstrip(" ,") + " …"
    return words.strip(" ,") or f"Civitai {seen.picture.id}"
