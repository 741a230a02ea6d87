"""Orders of a chat: run, run again, cancel, take what came out as input. Each update once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Any

from studio.bot.menus import Menus
from studio.bot.plans import INPUT, QUESTION, Plan, open_plan
from studio.bot.talk import Dialogue, Talk
from studio.clock import Clock, new_id
from studio.errors import (
    IdempotencyKeyReuse,
    NotFound,
    StorageUnavailable,
    StudioError,
)
from studio.graphs.filling import draw_seeds
from studio.graphs.grids import read_axes
from studio.services.batches import BatchService, Order
from studio.services.jobs import JobService
from studio.services.presets import PresetService
from studio.services.workflow_library import WorkflowLibrary
from studio.store.telegram_chats import NewRun, TelegramChats, UpdateHandled
from studio.telegram_records import Button, Run


@dataclass(frozen=True, slots=True)
class Means:
    """What orders are made with."""

    presets: PresetService
    library: WorkflowLibrary
    batches: BatchService
    jobs: JobService


class Orders:
    """Turns what was asked and answered into jobs.

    Args:
        tell: a run began, so its progress is to be shown.
    """

    def __init__(
        self,
        *,
        means: Means,
        menus: Menus,
        chats: TelegramChats,
        clock: Clock,
        tell: Callable[[], None],
    ) -> None:
        self._means = means
        self._menus = menus
        self._chats = chats
        self._clock = clock
        self._tell = tell

    async def place(self, talk: Talk, plan: Plan, dialogue: Dialogue) -> None:
        """Run a preset as the dialogue has it, which ends by that."""
        asked = {step.id for step in plan.steps}
        values = {
            name: value
            for name, value in dialogue.values.items()
            if plan.manifest.input(name) is not None
        }
        answers = {
            name: answer
            for name, answer in dialogue.answers.items()
            if f"{QUESTION}:{name}" in asked
        }
        drawn = _seeds(plan, dialogue.seed)
        order = {
            "preset_id": dialogue.preset_id,
            "values": {**values, **drawn},
            "answers": answers,
            "count": dialogue.count,
            "seeds": _told(plan, drawn),
        }
        if dialogue.album is None:
            talk.end()
        else:
            talk.keep(Dialogue(key=dialogue.key, album=dialogue.album))
        if not await self._submit(talk, order, plan.preset.name):
            # It may be the queue that is full, or a model that is missing: nothing has to be
            # answered anew once that is mended.
            dialogue.direct = False
            talk.keep(dialogue)
            line = (Button(talk.word("run"), f"r:{dialogue.key}"),)
            last = talk.effects.messages[-1]
            talk.effects.messages[-1] = replace(last, buttons=(line, talk.cancel_button(dialogue)))

    async def again(self, talk: Talk, run_id: str, *, new_seed: bool) -> None:
        """Run what a message shows once more, with its seed or another one."""
        run = await self._run(talk, run_id)
        if run is None:
            return
        order = run.order
        if new_seed:
            try:
                plan = await open_plan(
                    self._means.presets,
                    self._means.library,
                    talk.identity,
                    order["preset_id"],
                    order["values"],
                )
            except NotFound:
                talk.say(talk.word("preset_gone"))
                return
            drawn = _seeds(plan, None, every=True)
            values = {**order["values"], **drawn}
            order = {**order, "values": values, "seeds": _told(plan, drawn)}
        await self._submit(talk, order, run.title)

    async def cancel(self, talk: Talk, run_id: str) -> None:
        """Ask for the end of a run's jobs; its message says once they have ended."""
        run = await self._run(talk, run_id)
        if run is not None:
            await self._means.jobs.cancel_many(talk.identity, run.job_ids)
            talk.popup = talk.word("cancelling")

    async def use(self, talk: Talk, run_id: str) -> None:
        """Offer the presets that take a picture, for the one that came out of a run."""
        run = await self._run(talk, run_id)
        if run is None:
            return
        for job_id in run.job_ids:
            try:
                view = await self._means.jobs.get(talk.identity, job_id)
            except NotFound:
                continue
            for asset in view.outputs:
                if asset.trashed_at is None and asset.content_type.startswith(("image/", "video/")):
                    await self.offer(talk, asset.id, asset.content_type)
                    return
        talk.popup = talk.word("over")

    async def offer(self, talk: Talk, asset_id: str, content_type: str, page: int = 0) -> None:
        """A menu of presets for a file."""
        dialogue = Dialogue(
            key=secrets.token_hex(3), files=[asset_id], asking=f"{INPUT}:{content_type}"
        )
        talk.keep(dialogue)
        if talk.incoming.button is not None and talk.incoming.button.startswith("U:"):
            # Below what came out, not in its place.
            talk.incoming = replace(talk.incoming, button=None)
        await self._menus.taking(talk, page, content_type)

    async def _run(self, talk: Talk, run_id: str) -> Run | None:
        """A run of this very chat."""
        for run in await self._chats.runs(chat_id=talk.heard.chat_id, run_id=run_id):
            if run.user_id == talk.person.user_id:
                return run
        talk.popup = talk.word("over")
        return None

    async def _submit(self, talk: Talk, order: dict[str, Any], title: str) -> bool:
        """Accept the jobs; the run, what is said of it and the update are in the same commit."""
        run = NewRun(new_id(), talk.person.user_id, title, order)
        heard, now_ms = talk.heard, self._clock.now_ms()
        before = list(talk.effects.messages)
        cancel = (Button(talk.word("cancel"), f"X:{run.id}"),)
        # In the place of its summary, but below what came out of an earlier one.
        post = talk.show if (talk.incoming.button or "").startswith("r:") else talk.say
        post(talk.word("accepted", title=title), (cancel,), run_id=run.id)
        try:
            await self._means.batches.run(
                talk.identity,
                Order(
                    preset_id=order["preset_id"],
                    values=order["values"],
                    answers=order["answers"],
                    axes=read_axes(None, None, order["count"]),
                    idempotency_key=f"telegram-{heard.bot_id}-{heard.update_id}",
                    beside=self._chats.beside(heard, run, talk.effects, now_ms),
                ),
            )
        except (UpdateHandled, IdempotencyKeyReuse):
            # Its first hearing did all of this.
            talk.stored = True
            return True
        except StorageUnavailable:
            raise
        except StudioError as error:
            talk.effects.messages = before
            talk.say(talk.failed(error))
            return False
        talk.stored = True
        self._tell()
        return True


def _seeds(plan: Plan, seed: int | None, *, every: bool = False) -> dict[str, int]:
    """Values for the inputs that take a seed: the given one, or a new one where any will do.

    It is drawn here and not where jobs are made, so that it can be told and used again.
    """
    inputs = plan.seeds(every=every or seed is not None)
    if seed is not None:
        return {each.id: seed for each in inputs}
    drawn = draw_seeds(plan.manifest, SystemRandom().randint)
    return {each.id: drawn[each.id] for each in inputs}


def _told(plan: Plan, drawn: dict[str, int]) -> list[int]:
    """Every seed of a run, those that its preset fixes too: what it says in the end."""
    values = {**plan.preset.values, **drawn}
    return list(
        dict.fromkeys(
            value
            for each in plan.seeds(every=True)
            if isinstance(value := values.get(each.id, each.default), int)
        )
    )
