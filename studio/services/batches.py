"""Runs of presets and workflows: once, many times, or as a grid; accepted as a whole or not."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.errors import Conflict, InvalidAnswers, NotFound, StudioError
from studio.graphs.filling import Filled, draw_seeds, fill
from studio.graphs.graph import Graph, parse
from studio.graphs.grids import Axis, at_cell, coordinates
from studio.graphs.problems import clip
from studio.graphs.questions import questions
from studio.graphs.wildcards import WordLists
from studio.models import Identity, JobWebhook, NewJob, Recipe
from studio.services.batch_views import BatchView, Cell
from studio.services.jobs import JobService, JobView
from studio.services.order_size import OrderSize
from studio.services.prompts import PromptService
from studio.services.submissions import Submission
from studio.services.workflows import OpenWorkflow, WorkflowService
from studio.store.assets import AssetStore
from studio.store.batches import Batch, BatchAxis, BatchStore, Beside
from studio.store.presets import Preset, PresetStore

PURGED: Final = "purged"  # shown for a cell whose job is no longer kept
_TITLE_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run: a preset or a workflow, with values, answers and axes."""

    workflow_id: str | None = None
    preset_id: str | None = None
    version: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, object] = field(default_factory=dict)
    axes: Sequence[Axis] = ()
    title: str = ""
    priority: int = 0
    idempotency_key: str | None = None
    origin: str = "api"
    beside: Beside | None = None
    webhook: JobWebhook | None = None
    """Is told of each of its jobs."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The jobs of an order, and their batch when there are several."""

    jobs: list[JobView]
    batch_id: str | None


class BatchService:
    """Makes the jobs of orders, and shows what became of them.

    Args:
        record: tells the activity log: who, what kind of thing, which.
    """

    def __init__(
        self,
        *,
        batches: BatchStore,
        presets: PresetStore,
        prompts: PromptService,
        workflows: WorkflowService,
        jobs: JobService,
        assets: AssetStore,
        clock: Clock,
        record: Callable[..., None],
    ) -> None:
        self._batches = batches
        self._presets = presets
        self._prompts = prompts
        self._workflows = workflows
        self._jobs = jobs
        self._assets = assets
        self._clock = clock
        self._record = record

    async def run(self, identity: Identity, order: Order) -> Accepted:
        """Accept a job for every cell, all in one commit, or none.

        Raises:
            NotFound: there is no such preset or workflow for the caller.
            Conflict: the preset is in the trash.
            InvalidAnswers, InvalidPrompt, InvalidBatch, InvalidValue: it cannot be made; with
                several cells the message and ``details["cell"]`` say which.
            PayloadTooLarge: the jobs are too large together.
            QueueFull: ``details["room"]`` says how many jobs there is room for.
            What ``SubmissionService.submit`` raises.
        """
        preset = await self._preset(identity, order)
        workflow = await self._open(identity, order, preset)
        cells = list(coordinates([len(axis.labels) for axis in order.axes]))
        batch = self._batch(identity, order, workflow, preset) if order.axes else None
        making = _Making(order, preset, workflow, await self._lists(identity, order, preset))
        submissions: list[Submission] = []
        size = OrderSize()
        for index, cell in enumerate(cells):
            try:
                submission = await making.submission(cell, index, batch)
                size.add(submission)
            except StudioError as error:
                if batch is None:
                    raise
                raise _at(error, making.labels(cell), index, of=len(cells)) from None
            submissions.append(submission)
            # A thousand cells take a while, and others want to be served meanwhile.
            await asyncio.sleep(0)
        making.require_all_answers_used()

        async def store(new: Sequence[NewJob]) -> None:
            await self._batches.accept(
                new,
                batch=batch,
                preset_id=None if preset is None else preset.id,
                idempotency_key=order.idempotency_key,
                beside=order.beside,
            )

        try:
            jobs = await self._jobs.submit_all(identity, submissions, store)
        except StudioError as error:
            index = (error.details or {}).pop("index", None)
            if batch is None or index is None:
                raise
            raise _at(error, making.labels(cells[index]), index, of=len(cells)) from None
        if batch is not None:
            self._record(
                identity.user_id, "batch.started", batch.title, id=batch.id, jobs=len(jobs)
            )
        return Accepted(jobs, None if batch is None else batch.id)

    async def graph(self, identity: Identity, order: Order) -> Graph:
        """The graph that an order without axes runs; its choices and seeds are drawn anew then.

        Raises:
            What ``run`` raises about what cannot be made.
        """
        preset = await self._preset(identity, order)
        workflow = await self._open(identity, order, preset)
        making = _Making(order, preset, workflow, await self._lists(identity, order, preset))
        graph = (await making.submission((), 0, None)).workflow
        making.require_all_answers_used()
        return parse(graph)

    async def _preset(self, identity: Identity, order: Order) -> Preset | None:
        if order.preset_id is None:
            return None
        preset = await self._presets.get(order.preset_id, _whose(identity))
        if preset.trashed_at is not None:
            raise Conflict("This preset is in the trash; restore it first.")
        return preset

    async def _open(self, identity: Identity, order: Order, preset: Preset | None) -> OpenWorkflow:
        if preset is None:
            return await self._workflows.open(identity, order.workflow_id or "", order.version)
        try:
            return await self._workflows.open(
                identity, preset.workflow_id, order.version or preset.workflow_version
            )
        except NotFound as error:
            raise NotFound(
                "The workflow of this preset, or the version that it wants, is not there: it was "
                "deleted, or is no longer shared with you."
            ) from error

    def _batch(
        self, identity: Identity, order: Order, workflow: OpenWorkflow, preset: Preset | None
    ) -> Batch:
        name = workflow.manifest.name if preset is None else preset.name
        return Batch(
            id=new_id(),
            user_id=identity.user_id,
            title=(order.title or name)[:_TITLE_LENGTH],
            workflow_id=workflow.id,
            workflow_version=workflow.version,
            preset_id=None if preset is None else preset.id,
            axes=tuple(
                BatchAxis(axis.name, tuple(place.written for place in axis.places), axis.labels)
                for axis in order.axes
            ),
            created_at=self._clock.now_ms(),
        )

    async def _lists(
        self, identity: Identity, order: Order, preset: Preset | None
    ) -> Callable[[str], WordLists]:
        """Which word lists an input's texts use.

        A preset's own texts use the lists of whoever saved it, or it would be of no use to others.
        What the caller gives uses the caller's.
        """
        theirs = (
            {} if preset is None else await self._prompts.words_for(preset.user_id, preset.values)
        )
        varied = [column for axis in order.axes for column in axis.values]
        own = await self._prompts.words_for(
            identity.user_id, [dict(order.values), [list(column) for column in varied]]
        )
        given = {*order.values, *(str(place.steps[0]) for axis in order.axes
                                  for place in axis.places if place.steps)}  # fmt: skip
        saved, mixed = WordLists(theirs), WordLists({**theirs, **own})
        return lambda name: mixed if name in given else saved

    # -- look ------------------------------------------------------------------------------------

    async def page(
        self, identity: Identity, *, start: int, limit: int
    ) -> tuple[list[tuple[Batch, dict[str, int]]], int]:
        """The caller's batches with the statuses of their cells, newest first, and how many."""
        found, total = await self._batches.page(_whose(identity), start=start, limit=limit)
        return [(batch, _with_purged(batch, counts)) for batch, counts in found], total

    async def get(self, identity: Identity, batch_id: str) -> BatchView:
        """A batch with all its cells; raises ``NotFound`` for one that is not the caller's."""
        batch, jobs = await self._batches.get(batch_id, _whose(identity))
        outputs = await self._assets.outputs_of([job_id for job_id, _ in jobs.values()])
        cells = []
        for index, cell in enumerate(coordinates([len(axis.labels) for axis in batch.axes])):
            job_id, status = jobs.get(index, (None, None))
            live = self._jobs.live(job_id) if job_id is not None else None
            shown = live.status if live is not None else status
            made = outputs[job_id] if job_id is not None else ()
            cells.append(
                Cell(
                    index=index,
                    coordinates=cell,
                    labels=tuple(
                        axis.labels[at] for axis, at in zip(batch.axes, cell, strict=True)
                    ),
                    job_id=job_id,
                    status=PURGED if shown is None else shown.value,
                    outputs=tuple(asset for asset in made if asset.trashed_at is None),
                    is_trashed=bool(made) and all(asset.trashed_at for asset in made),
                )
            )
        return BatchView(batch, cells)

    async def cancel(self, identity: Identity, batch_id: str) -> BatchView:
        """Ask for the end of all its jobs that have not ended."""
        _, jobs = await self._batches.get(batch_id, _whose(identity))
        wanted = [job_id for job_id, _ in jobs.values() if self._jobs.live(job_id) is not None]
        await self._jobs.cancel_many(identity, wanted)
        return await self.get(identity, batch_id)


class _Making:
    """Turns the cells of one order into submissions."""

    def __init__(
        self,
        order: Order,
        preset: Preset | None,
        workflow: OpenWorkflow,
        lists: Callable[[str], WordLists],
    ) -> None:
        self._order = order
        self._preset = preset
        self._workflow = workflow
        self._lists = lists
        self._values = {**(preset.values if preset is not None else {}), **order.values}
        # Drawn once: the cells of a grid differ in nothing but what its axes say.
        self._seeds = draw_seeds(workflow.manifest, SystemRandom().randint)
        asked = (place.question for axis in order.axes for place in axis.places)
        self._unused = {*order.answers, *(name for name in asked if name is not None)}

    def labels(self, cell: Sequence[int]) -> list[str]:
        """What the axes call a cell."""
        return [axis.labels[at] for axis, at in zip(self._order.axes, cell, strict=True)]

    async def submission(self, cell: Sequence[int], index: int, batch: Batch | None) -> Submission:
        """What is submitted for one cell."""
        filled = self._fill(cell)
        compiled = await self._workflow.compile(filled.values)
        title = self._order.title or compiled.title
        if batch is not None and math.prod(len(axis.labels) for axis in self._order.axes) > 1:
            title = f"{clip(title, 100)} ({', '.join(self.labels(cell))})"
        return Submission(
            workflow=compiled.graph,
            title=title,
            workflow_id=compiled.workflow_id,
            priority=self._order.priority,
            origin=self._order.origin,
            webhook=self._order.webhook,
            recipe=Recipe(
                workflow_id=compiled.workflow_id,
                version=compiled.version,
                values=compiled.values,
                answers=filled.record(),
                preset_id=None if self._preset is None else self._preset.id,
                batch_id=None if batch is None else batch.id,
                cell=None if batch is None else index,
            ),
        )

    def _fill(self, cell: Sequence[int]) -> Filled:
        axes = self._order.axes
        values, answers = at_cell(axes, cell, self._values, self._order.answers)
        self._unused.difference_update(question.name for question in questions(values))
        repeated = bool(axes) and not axes[-1].places
        return fill(
            self._workflow.manifest,
            values,
            answers,
            lists=self._lists,
            seeds=self._seeds,
            number=cell[-1] if repeated else 0,
        )

    def require_all_answers_used(self) -> None:
        """Raises ``InvalidAnswers`` when one answered no question of any cell."""
        if self._unused:
            name = min(self._unused)
            raise InvalidAnswers(
                f"There is no question “{clip(name, 60)}”.", details={"question": name}
            )


def _at(error: StudioError, labels: Sequence[str], index: int, *, of: int) -> StudioError:
    """The refusal with the cell that it is about; where there is but one, the words do without."""
    cell = f"Cell {index + 1} ({clip(', '.join(labels), 80)}): " if of > 1 else ""
    return type(error)(
        f"{cell}{error.message}",
        details={**(error.details or {}), "cell": index},
        retry_after_s=error.retry_after_s,
    )


def _with_purged(batch: Batch, counts: dict[str, int]) -> dict[str, int]:
    """Cells whose jobs are no more count as well."""
    gone = batch.size - sum(counts.values())
    return {**counts, PURGED: gone} if gone else counts


def _whose(identity: Identity) -> str | None:
    return None if identity.sees_all else identity.user_id
