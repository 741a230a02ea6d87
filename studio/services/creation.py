"""Pictures from words, for who does not want to know what a workflow is."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import NoCheckpoint, Unavailable, Unprocessable
from studio.graphs.text_to_image import LOADER, WORKFLOW_ID, checkpoints, native_side
from studio.models import Identity, JobWebhook
from studio.services.engines import EngineService
from studio.services.jobs import JobView
from studio.services.workflows import Order, WorkflowService

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
    webhook: JobWebhook | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be made now. ``obstacle`` is why nothing can."""

    checkpoints: list[str]
    sides: dict[str, int]
    steps: Any
    cfg: Any
    """What the workflow's manifest has; ``None`` when it asks for no such thing."""
    obstacle: NoCheckpoint | Unavailable | None


class CreationService:
    """Runs the text-to-image workflow of the house for its caller."""

    def __init__(self, *, workflows: WorkflowService, engines: EngineService) -> None:
        self._workflows = workflows
        self._engines = engines

    async def offer(self, identity: Identity) -> Offer:
        """The checkpoints there are, and what is used when a wish does not say.

        Raises:
            NotFound: the owner has put the workflow away.
        """
        names = checkpoints(self._engines.infos())
        manifest = (await self._workflows.open(identity, WORKFLOW_ID)).manifest
        defaults = {each.id: each.default for each in manifest.inputs}
        return Offer(
            checkpoints=names,
            sides={name: native_side(name) for name in names},
            steps=defaults.get("steps"),
            cfg=defaults.get("cfg"),
            obstacle=None if names else self._obstacle(),
        )

    async def create(self, identity: Identity, wish: Wish) -> JobView:
        """Submit the job that makes the pictures: one run of the workflow, with its recipe.

        Raises:
            Unavailable, NoCheckpoint: nothing can be made now.
            Unprocessable: there is no such checkpoint.
            NotFound, InvalidValue: the owner put the workflow away, or changed what it asks for.
            QueueFull, IdempotencyKeyReuse, DiskFull: see ``SubmissionService.submit``.
        """
        checkpoint = await self._choose(wish.checkpoint)
        side = native_side(checkpoint)
        values = {
            "prompt": wish.prompt,
            "negative": wish.negative,
            "checkpoint": checkpoint,
            "size": {"width": wish.width or side, "height": wish.height or side},
            "images": wish.count,
            "seed": secrets.randbits(_SEED_BITS) if wish.seed is None else wish.seed,
            "steps": wish.steps,
            "cfg": wish.cfg,
        }
        order = Order(
            values=values,
            title=wish.prompt,
            idempotency_key=wish.idempotency_key,
            webhook=wish.webhook,
        )
        [view] = await self._workflows.run(identity, WORKFLOW_ID, order)
        return view

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
