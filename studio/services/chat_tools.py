"""Studio as a model's tools: it may look at the presets of whoever chats, and run them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from studio.errors import NotFound, StudioError, Unprocessable
from studio.graphs.manifests.manifest import FILE_TYPES, Manifest
from studio.graphs.problems import clip
from studio.models import Identity, JobStatus
from studio.services.batches import BatchService, Order
from studio.services.events import JobWatcher
from studio.services.jobs import JobService, JobView
from studio.services.presets import PresetService, PresetView
from studio.services.run_estimates import RunEstimates
from studio.services.workflows import WorkflowService
from studio.store.batches import Beside
from studio.store.chat_records import Call
from studio.store.presets import PresetFilter

LIST_PRESETS: Final = "list_presets"
RUN_PRESET: Final = "run_preset"
REMINDER: Final = (
    "You can make pictures and videos with this Studio's presets: call list_presets to see them, "
    "run_preset to run one. The results are shown to the user by themselves; never write links or "
    "picture code for them. A picture in the conversation is named by its asset id."
)
_MAX_LISTED: Final = 40
_AROUND_LIST: Final = 300
_SHORTENED: Final = (
    "The list is too long. Inputs are not shown of every preset: call list_presets with a query "
    "that fewer of them match."
)
_MAX_TITLE: Final = 200
_MAX_OPTIONS: Final = 20
_UNSHOWN: Final = frozenset({"loras", "checkpoint", "vae"})
"""What whoever made the preset has chosen well."""

DEFINITIONS: Final[list[dict[str, Any]]] = [
    {
        "type": "function",
        "function": {
            "name": LIST_PRESETS,
            "description": "The presets that make or change pictures and videos.",
            "parameters": {
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "Part of a name; empty for all."}
                },
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": RUN_PRESET,
            "description": "Run a preset. Its results are shown to the user.",
            "parameters": {
                "type": "object",
                "properties": {
                    "preset": {"type": "string", "description": "The id or the name of a preset."},
                    "values": {
                        "type": "object",
                        "description": "Inputs by their ids, those that differ from the preset's. "
                        "A picture is the id of an asset.",
                    },
                    "answers": {
                        "type": "object",
                        "description": "Answers to the preset's questions, by their names.",
                    },
                },
                "required": ["preset"],
            },
        },
    },
]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that was asked for. ``asks``: it may take long, so somebody has to agree."""

    preset_id: str
    title: str
    values: dict[str, Any]
    answers: dict[str, Any]
    expected_ms: int | None
    asks: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run, for the model, and what it made."""

    succeeded: bool
    result: str
    assets: tuple[str, ...]


class ChatTools:
    """Does what a model asks for, as the user who chats and within their limits."""

    def __init__(
        self,
        *,
        presets: PresetService,
        batches: BatchService,
        workflows: WorkflowService,
        jobs: JobService,
        estimates: RunEstimates,
    ) -> None:
        self._presets = presets
        self._batches = batches
        self._workflows = workflows
        self._jobs = jobs
        self._estimates = estimates

    async def list_presets(self, identity: Identity, call: Call, max_bytes: int) -> str:
        """The presets that the caller may run, as JSON: as much of them as that many bytes hold.

        Raises:
            Unprocessable: the arguments are no JSON object.
        """
        given = _arguments(call).get("query")
        query = given.strip() if isinstance(given, str) else ""
        wanted = PresetFilter(query=query, limit=_MAX_LISTED)
        found, total = await self._presets.page(identity, wanted)
        listed = []
        for view in found:
            # One whose workflow was deleted or is no longer shared cannot be run.
            with contextlib.suppress(NotFound):
                listed.append(await self._described(identity, view))
        whole = orjson.dumps({"presets": listed, "total": total})
        if len(whole) <= max_bytes:
            return whole.decode()
        shown = _shortened(listed, max_bytes - _AROUND_LIST, with_inputs=bool(query))
        left_out = total - len(found) + len(listed) - len(shown)
        told = {"presets": shown, "total": total, "left_out": left_out, "note": _SHORTENED}
        return orjson.dumps(told).decode()

    async def _described(self, identity: Identity, view: PresetView) -> dict[str, Any]:
        preset = view.preset
        opened = await self._workflows.open(identity, preset.workflow_id, preset.workflow_version)
        return {
            "id": preset.id,
            "name": preset.name,
            "description": clip(preset.description, 300),
            "makes": kind_of(opened.manifest.source),
            "inputs": [
                {
                    "id": each.id,
                    "type": each.type.value,
                    "required": each.required and each.id not in preset.values,
                    **_shown("value", preset.values.get(each.id, each.default)),
                    **({"options": list(each.options[:_MAX_OPTIONS])} if each.options else {}),
                }
                for each in opened.manifest.inputs
                if each.type.value not in _UNSHOWN
            ],
            "questions": [
                {"name": question.name, "text": question.text, "options": list(question.options)}
                for question in view.questions
            ],
        }

    async def plan(self, identity: Identity, call: Call) -> Plan:
        """What a call of ``run_preset`` would do.

        Raises:
            Unprocessable: the arguments are no JSON object, or name no preset.
            NotFound: the caller may not run such a preset.
            What ``BatchService.graph`` raises: nobody is asked about what cannot be made.
        """
        given = _arguments(call)
        view = await self._find(identity, given.get("preset"))
        preset = view.preset
        opened = await self._workflows.open(identity, preset.workflow_id, preset.workflow_version)
        values = _values(opened.manifest, _object(given, "values"))
        answers = _object(given, "answers")
        order = Order(preset_id=preset.id, values=values, answers=answers)
        graph = await self._batches.graph(identity, order)
        estimate = await self._estimates.of(preset.id, graph)
        return Plan(
            preset_id=preset.id,
            title=preset.name[:_MAX_TITLE],
            values=values,
            answers=answers,
            expected_ms=estimate.expected_ms,
            asks=estimate.is_long(is_video=kind_of(opened.manifest.source) == "video"),
        )

    async def _find(self, identity: Identity, named: object) -> PresetView:
        if not isinstance(named, str) or not named.strip():
            raise Unprocessable("run_preset needs the id or the name of a preset.")
        with contextlib.suppress(NotFound):
            view = await self._presets.get(identity, named)
            if view.preset.trashed_at is None:
                return view
        found, _ = await self._presets.page(identity, PresetFilter(query=named, limit=_MAX_LISTED))
        for view in found:
            if view.preset.name.casefold() == named.strip().casefold():
                return view
        raise NotFound("There is no such preset. Call list_presets for those that there are.")

    async def submit(self, identity: Identity, key: str, plan: Plan, beside: Beside) -> str:
        """Begin the run; its job's id.

        Args:
            key: names this call among all of the user's: it begins but one.
            beside: what is stored together with the job.

        Raises:
            What ``BatchService.run`` raises: quotas, missing models, wrong values.
        """
        order = Order(
            preset_id=plan.preset_id,
            values=plan.values,
            answers=plan.answers,
            idempotency_key=key,
            beside=beside,
        )
        accepted = await self._batches.run(identity, order)
        return accepted.jobs[0].job.id

    async def wait(self, identity: Identity, job_id: str) -> Outcome:
        """The end of a job.

        Raises:
            NotFound: it is gone.
        """
        watcher = JobWatcher()
        view = await self._jobs.get(identity, job_id)
        while view.live is not None and not view.job.status.is_terminal:
            live = view.live
            live.watchers.add(watcher)
            try:
                while not live.job.status.is_terminal:
                    watcher.changed.clear()
                    await watcher.changed.wait()
            finally:
                live.watchers.discard(watcher)
            view = await self._jobs.get(identity, job_id)
        return _outcome(view)

    async def cancel(self, identity: Identity, job_id: str) -> None:
        """Ask for a job's end, for whoever stops the reply that waits for it."""
        with contextlib.suppress(StudioError):
            await self._jobs.cancel(identity, job_id)


def kind_of(manifest: Mapping[str, Any]) -> str:
    """What a workflow makes by its manifest's JSON: ``video``, ``audio`` or ``image``."""
    made = [each.get("type") for each in manifest.get("outputs", ())]
    named = str(manifest.get("category", ""))
    if "video" in made or named.endswith("-to-video"):
        return "video"
    return next((kind for kind in ("image", "audio") if kind in made), "image")


def _shortened(
    listed: Sequence[Mapping[str, Any]], left: int, *, with_inputs: bool
) -> list[Mapping[str, Any]]:
    """The first presets by their names, and the first of those with all that is known of them."""
    shown: list[Mapping[str, Any]] = []
    for each in listed:
        brief = {name: each[name] for name in ("id", "name", "makes")}
        left -= _size(brief)
        if left < 0:
            break
        shown.append(brief)
    for at, each in enumerate(listed[: len(shown) if with_inputs else 0]):
        more = _size(each) - _size(shown[at])
        if more <= left:
            left -= more
            shown[at] = each
    return shown


def _size(entry: Mapping[str, Any]) -> int:
    return len(orjson.dumps(entry)) + 1


def _outcome(view: JobView) -> Outcome:
    job = view.job
    if job.status is JobStatus.SUCCEEDED:
        made = tuple(asset.id for asset in view.outputs if asset.trashed_at is None)
        told = ", ".join(f"asset {asset_id}" for asset_id in made) or "nothing"
        return Outcome(True, f"Done. It made {told}. The user sees it.", made)
    why = job.error.message if job.error is not None else f"It is {job.status.value}."
    return Outcome(False, f"It did not work: {clip(why, 500)}", ())


def _values(manifest: Manifest, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values as workflows take them: a model writes an asset as its id alone."""
    values = dict(given)
    for each in manifest.inputs:
        if each.type in FILE_TYPES and isinstance(values.get(each.id), str):
            values[each.id] = {"asset": values[each.id].removeprefix("asset ").strip()}
    return values


def _arguments(call: Call) -> dict[str, Any]:
    try:
        read = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError as error:
        raise Unprocessable(f"The arguments are not valid JSON: {error}.") from error
    if not isinstance(read, dict):
        raise Unprocessable("The arguments must be a JSON object.")
    return read


def _object(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unprocessable(f"{name} must be an object.")
    return value


def _shown(name: str, value: object) -> dict[str, Any]:
    """A value that says something in few words."""
    if value is None or isinstance(value, dict | list):
        return {}
    return {name: clip(value, 200) if isinstance(value, str) else value}
