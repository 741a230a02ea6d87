"""The tools of one reply, one after the other: looked at, asked about, run, told to the model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from studio.clock import Clock
from studio.errors import StudioError
from studio.models import Identity
from studio.services.chat_requests import room_for_result
from studio.services.chat_tools import LIST_PRESETS, RUN_PRESET, ChatTools, Plan
from studio.services.chat_turns import Turn, to_its_end
from studio.store import chat_records as records
from studio.store.chat_messages import MessageStore
from studio.store.chat_records import CALL_ENDED, Call, Message

log = logging.getLogger(__name__)

MAX_CALLS: Final = 5
"""In one turn: from what somebody said to the end of what is answered."""
_ENOUGH: Final = (
    f"Not run: a turn has at most {MAX_CALLS} calls. Answer with what you have, and let the user "
    "say whether to go on."
)


class ChatCalls:
    """Runs the calls of replies; every state is a row before anything is done."""

    def __init__(self, *, tools: ChatTools, messages: MessageStore, clock: Clock) -> None:
        self._tools = tools
        self._messages = messages
        self._clock = clock

    async def run(self, turn: Turn, identity: Identity, before: Sequence[Message]) -> bool:
        """Do every call of the turn's message that has not ended.

        Args:
            before: the branch that leads to it.

        Returns:
            Whether one of them waits for a yes or a no.
        """
        done = _so_far(before)
        for call in turn.message.calls:
            if call.state in CALL_ENDED or call.state == records.ASKING:
                continue
            if done + call.number >= MAX_CALLS:
                await self._set(turn, replace(call, state=records.FAILED, result=_ENOUGH))
                continue
            try:
                await self._do(turn, identity, call, before)
            except StudioError as error:
                log.info("a tool of a reply was refused: %s", error.code)
                now = turn.message.calls[call.number]
                await self._set(turn, _refused(now, error))
        return any(call.state == records.ASKING for call in turn.message.calls)

    async def _do(
        self, turn: Turn, identity: Identity, call: Call, before: Sequence[Message]
    ) -> None:
        if call.name == LIST_PRESETS:
            max_bytes = room_for_result(turn.room, [*before, turn.message])
            listed = await self._tools.list_presets(identity, call, max_bytes)
            await self._set(turn, replace(call, state=records.DONE, result=listed))
            return
        if call.name != RUN_PRESET:
            unknown = "There is no such tool."
            await self._set(turn, replace(call, state=records.FAILED, result=unknown))
            return
        if call.job_id is None:
            plan = await self._tools.plan(identity, call)
            call = replace(call, title=plan.title, expected_ms=plan.expected_ms)
            if plan.asks and call.state == "new":
                await self._set(turn, replace(call, state=records.ASKING))
                return
            call = replace(call, state="running", began_at=call.began_at or self._clock.now_ms())
            await self._set(turn, call)
            # Whoever stops the reply meanwhile has to know which job it began.
            await to_its_end(self._submit(turn, identity, call, plan))
            call = turn.message.calls[call.number]
        assert call.job_id is not None
        outcome = await self._tools.wait(identity, call.job_id)
        state = records.DONE if outcome.succeeded else records.FAILED
        await self._set(
            turn, replace(call, state=state, result=outcome.result, assets=outcome.assets)
        )

    async def _submit(self, turn: Turn, identity: Identity, call: Call, plan: Plan) -> None:
        key = f"chat {turn.message.id} {call.number}"
        beside = self._messages.beside(turn.message.id, call.number)
        job_id = await self._tools.submit(identity, key, plan, beside)
        await self._set(turn, replace(call, job_id=job_id))

    async def stop(self, identity: Identity, message: Message) -> tuple[Call, ...]:
        """The calls of a reply that was stopped; what runs for it is cancelled."""
        calls = []
        for call in message.calls:
            if call.state not in CALL_ENDED:
                if call.job_id is not None:
                    await self._tools.cancel(identity, call.job_id)
                stopped = "The user stopped this."
                call = replace(call, state=records.STOPPED, result=stopped)
            calls.append(call)
        return tuple(calls)

    async def _set(self, turn: Turn, call: Call) -> None:
        calls = list(turn.message.calls)
        calls[call.number] = call
        changes: dict[str, Any] = {"calls": tuple(calls), "updated_at": self._clock.now_ms()}
        turn.change(replace(turn.message, **changes))
        await self._messages.keep(turn.message)


def decided(message: Message, number: int, *, agrees: bool, now_ms: int) -> Message:
    """The message once somebody has answered whether a call of it may run."""
    declined = "The user does not want this to run."
    calls = tuple(
        call
        if call.number != number
        else replace(call, state="agreed")
        if agrees
        else replace(call, state="declined", result=declined)
        for call in message.calls
    )
    return replace(message, calls=calls, updated_at=now_ms)


def _refused(call: Call, error: StudioError) -> Call:
    told = {"code": error.code, "message": error.message, "details": error.details}
    result = f"Refused ({error.code}): {error.message}"
    return replace(call, state=records.FAILED, result=result, error=told)


def _so_far(before: Sequence[Message]) -> int:
    """How many calls there were since somebody said something."""
    count = 0
    for message in reversed(before):
        if message.role == "user":
            break
        count += len(message.calls)
    return count
