"""Pictures from words: the graph is made here, so that people who may run no graphs can create."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from studio.errors import NoCheckpoint, Unavailable, Unprocessable
from studio.graphs.graph import Graph
from studio.graphs.text_to_image import (
    LOADER,
    WORKFLOW_ID,
    Picture,
    checkpoints,
    filled,
    native_side,
    read_workflow,
)
from studio.models import Identity
from studio.services.engines import EngineService
from studio.services.jobs import JobService, JobView
from studio.services.submissions import Submission

MAX_PROMPT: Final = 20_000
MIN_SIDE: Final = 64
MAX_SIDE: Final = 2048
SIDE_STEP: Final = 8
MAX_STEPS: Final = 150
MAX_CFG: Final = 30.0
MAX_COUNT: Final = 8
_SEED_BITS: Final = 32
"""Seeds drawn here are short enough to be read out; a caller may bring longer ones."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request for pictures; ``None`` leaves a choice to Studio. Bounds are the caller's duty."""

    prompt: str
    negative: str = ""
    checkpoint: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    cfg: float | None = None
    seed: int | None = None
    count: int = 1
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be made now. ``obstacle`` is why nothing can."""

    checkpoints: list[str]
    sides: dict[str, int]
    steps: int
    cfg: float
    obstacle: NoCheckpoint | Unavailable | None


class CreationService:
    """Fills the shipped text-to-image workflow and submits it for its caller."""

    def __init__(self, *, jobs: JobService, engines: EngineService) -> None:
        self._jobs = jobs
        self._engines = engines
        self._workflow: Graph = read_workflow()

    def offer(self) -> Offer:
        """The checkpoints there are, and what is used when a wish does not say."""
        names = checkpoints(self._engines.infos())
        sampler = self._workflow["sampler"]["inputs"]
        return Offer(
            checkpoints=names,
            sides={name: native_side(name) for name in names},
            steps=sampler["steps"],
            cfg=sampler["cfg"],
            obstacle=None if names else self._obstacle(),
        )

    async def create(self, identity: Identity, wish: Wish) -> JobView:
        """Submit the job that makes the pictures.

        Raises:
            Unavailable, NoCheckpoint: nothing can be made now.
            Unprocessable: there is no such checkpoint.
            QueueFull, IdempotencyKeyReuse, DiskFull: see ``SubmissionService.submit``.
        """
        picture = Picture(
            prompt=wish.prompt,
            checkpoint=await self._choose(wish.checkpoint),
            seed=secrets.randbits(_SEED_BITS) if wish.seed is None else wish.seed,
            negative=wish.negative,
            width=wish.width,
            height=wish.height,
            steps=wish.steps,
            cfg=wish.cfg,
            count=wish.count,
        )
        return await self._jobs.submit(
            identity,
            Submission(
                workflow=filled(self._workflow, picture),
                title=wish.prompt,
                workflow_id=WORKFLOW_ID,
                idempotency_key=wish.idempotency_key,
            ),
        )

    async def _choose(self, wanted: str | None) -> str:
        names = checkpoints(self._engines.infos())
        if (not names or (wanted is not None and wanted not in names)) and (
            await self._engines.refresh()
        ):
            names = checkpoints(self._engines.infos())
        if not names:
            raise self._obstacle()
        if wanted is None:
            return names[0]
        if wanted not in names:
            raise Unprocessable(
                "There is no such checkpoint.", details={"checkpoint": wanted, "installed": names}
            )
        return wanted

    def _obstacle(self) -> NoCheckpoint | Unavailable:
        infos: Iterable[dict[str, object]] = self._engines.infos()
        if any(LOADER in info for info in infos):
            return NoCheckpoint("No engine has a checkpoint, which a picture from words needs.")
        return Unavailable("No engine has answered yet.", retry_after_s=2)
