"""One prompt inside one engine: what its frames and its history say about it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from studio.clients.comfy_events import EngineEvent
from studio.graphs.problems import clip
from studio.models import JobError, Progress
from studio.services.engine import Engine
from studio.services.queue import LiveJob

MAX_SAID: Final = 65_536
"""How much of what an engine says of a failure is kept."""


class End(StrEnum):
    """How a prompt ended as far as its engine is concerned."""

    SUCCESS = "success"
    ERROR = "error"
    INTERRUPTED = "interrupted"
    VANISHED = "vanished"
    """The same life of the engine no longer knows it: somebody removed it."""
    DIED = "died"
    """The engine's process ended with the prompt inside."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a prompt; ``outputs`` maps node ids to what ComfyUI calls their ``ui``."""

    end: End
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cached: frozenset[str] = frozenset()
    error: JobError | None = None
    counted: bool = False
    """Whether a death counts against the job: it was executing, or being judged."""


@dataclass(slots=True, eq=False)
class Run:
    """A prompt that is, or may be, inside an engine."""

    live: LiveJob
    engine: Engine
    prompt_id: str
    boot: str
    epoch: int
    classes: Mapping[str, str]
    """Class of every node of the graph, by node id."""
    ended: asyncio.Future[Ended]
    accepted: bool = False
    awaiting_reply: bool = False
    executing: bool = False
    let_go: bool = False
    """The Studio before was asked to end while it executed; its engine may have ended with it."""
    looking: bool = False
    seen_pending: bool = False
    """The engine said last that the prompt still waits there."""
    last_news_s: float = 0.0
    last_progress_s: float = 0.0
    """When the engine last told something of it by itself, unlike an answer to a question."""
    stuck: JobError | None = None
    """It was given up for stuck: whatever ends it now, that is why."""
    dropped_frames: int = 0
    """How many frames of the engine had not been understood when the run began."""
    node: str | None = None
    step: int | None = None
    steps: int | None = None
    done: set[str] = field(default_factory=set)
    cached: frozenset[str] | None = None
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    """What is to be done about it if it still runs by then."""

    def end(self, ended: Ended) -> None:
        """The prompt is over; only the first word counts."""
        if not self.ended.done():
            if self.stuck is not None and ended.end is not End.SUCCESS:
                ended = Ended(End.ERROR, error=self.stuck)
            self.ended.set_result(ended)

    def later(self, delay_s: float, work: Callable[[], None]) -> None:
        """Do something in a moment, unless it is over by then: most jobs never pay for it."""

        def begin() -> None:
            if not self.ended.done():
                work()

        self.timers.append(asyncio.get_running_loop().call_later(delay_s, begin))

    @property
    def is_complete_on_socket(self) -> bool:
        """Whether no frame of this prompt can have been missed."""
        return (
            self.epoch == self.engine.epoch
            and self.dropped_frames == self.engine.dropped_frames
            and self.executing
            and self.cached is not None
        )

    @property
    def is_suspect(self) -> bool:
        """Whether an engine that is found dead may have died of it."""
        return self.executing and not self.let_go

    @property
    def may_have_started(self) -> bool:
        """Whether an idle engine may have begun to execute the prompt."""
        return self.executing or not (self.seen_pending or self.engine.foreign)

    def receive(self, event: EngineEvent) -> bool:
        """Take in one frame; return whether the picture of its progress changed."""
        data = event.data
        match event.type:
            case "execution_cached":
                self.cached = frozenset(data.get("nodes") or ())
                self.done |= self.cached
                return False
            case "executing":
                self._enter(data.get("node"))
            case "progress":
                self._enter(data.get("node"))
                self.step, self.steps = _integer(data.get("value")), _integer(data.get("max"))
            case "progress_state":
                self._take_states(data.get("nodes"))
            case "executed":
                node = str(data.get("node"))
                self.done.add(node)
                output = data.get("output")
                if isinstance(output, dict):
                    self.outputs[node] = output
            case "execution_success" if self.is_complete_on_socket:
                self.end(Ended(End.SUCCESS, self.outputs, self.cached or frozenset()))
                return False
            case "execution_error":
                self.end(Ended(End.ERROR, error=error_from(data)))
                return False
            case "execution_interrupted":
                self.end(Ended(End.INTERRUPTED))
                return False
            case _:
                return False
        return True

    def _enter(self, node: object) -> None:
        if node == self.node or not (node is None or (isinstance(node, str) and _is_text(node))):
            return
        if self.node is not None:
            self.done.add(self.node)
        self.node = node
        self.step = self.steps = None

    def _take_states(self, nodes: Any) -> None:
        """What the engine says of all its nodes at once: for a prompt whose start was missed."""
        for node_id, state in nodes.items() if isinstance(nodes, dict) else ():
            if isinstance(state, dict) and state.get("state") == "finished":
                self.done.add(str(node_id))

    def progress(self) -> Progress:
        """v2's snapshot: finished nodes plus the present node's share of steps."""
        total = len(self.classes)
        done = min(len(self.done), total)
        share = self.step / self.steps if self.step is not None and self.steps else 0.0
        class_type = self.classes.get(self.node or "")
        message = class_type
        if class_type is not None and self.step is not None:
            message = f"{class_type} {self.step}/{self.steps}"
        value = (done + min(share, 1.0)) / total if total else 0.0
        return Progress(
            value=min(value, 1.0),
            nodes_done=done,
            nodes_total=total,
            current_node=self.node,
            current_node_class=class_type,
            step=self.step,
            steps=self.steps,
            message=message,
        )

    def read_history(self, entry: Mapping[str, Any]) -> None:
        """End the run by what the engine's history says of it."""
        status = _mapping(entry.get("status"))
        outputs = _mapping(entry.get("outputs"))
        cached: frozenset[str] = frozenset()
        for name, data in _messages(status.get("messages")):
            if name == "execution_interrupted":
                self.end(Ended(End.INTERRUPTED))
                return
            if name == "execution_error":
                self.end(Ended(End.ERROR, error=error_from(data)))
                return
            if name == "execution_cached":
                cached = frozenset(map(str, data.get("nodes") or ()))
        if status.get("status_str") == "error":
            self.end(Ended(End.ERROR, error=JobError("node_execution_error", "The run failed.")))
            return
        self.end(Ended(End.SUCCESS, outputs, cached))


def _messages(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The frames that a run's history has kept; what is none is passed over."""
    for message in value if isinstance(value, list) else ():
        match message:
            case [str(name), dict(data), *_]:
                yield name, data


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def error_from(data: Mapping[str, Any]) -> JobError:
    """v2's ``job.error`` of an ``execution_error``."""
    trace = data.get("traceback")
    return JobError(
        code="node_execution_error",
        message=clip(str(data.get("exception_message") or "The node failed.").strip(), MAX_SAID),
        node_id=_said(data.get("node_id")),
        class_type=_said(data.get("node_type")),
        traceback=clip("".join(map(str, trace)), MAX_SAID) if isinstance(trace, list) else None,
        details={"exception_type": _said(data.get("exception_type"))},
    )


def _said(value: object) -> str | None:
    """A name that an engine tells, fit for an answer."""
    return None if value is None else clip(str(value), 200)


def _is_text(value: str) -> bool:
    """Whether it can be sent on: half a character cannot."""
    return value == clip(value, len(value))


def _integer(value: Any) -> int | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return int(value) if isinstance(value, int | float) else None
