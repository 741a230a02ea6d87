"""Runs one prompt after the other."""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from studio.embedded.cache import Cache, Entry, compute_keys, is_link
from studio.embedded.context import (
    Context,
    Interrupted,
    Interruption,
    MemoryLimitExceeded,
)
from studio.embedded.declarations import NodeClass
from studio.embedded.folders import Folders
from studio.embedded.memory import Budget
from studio.embedded.progress import Progress
from studio.embedded.queue import Prompt
from studio.embedded.schedule import Schedule
from studio.embedded.sockets import Hub

log = logging.getLogger(__name__)

NODE_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    MemoryError,
    MemoryLimitExceeded,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
_PREVIEW_METHODS = ("auto", "latent2rgb", "taesd")


@dataclass(frozen=True)
class Outcome:
    """What the history keeps of a prompt that has run."""

    outputs: dict[str, Any]
    meta: dict[str, Any]
    status: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The settings that bound or pace execution."""

    memory_limit_bytes: int
    step_delay_s: float
    preview_method: str


class Executor:
    """Runs prompts, one at a time, in whichever thread calls it."""

    def __init__(
        self,
        *,
        registry: Mapping[str, NodeClass],
        folders: Folders,
        hub: Hub,
        interruption: Interruption,
        limits: Limits,
    ) -> None:
        self.registry = registry
        self.folders = folders
        self.hub = hub
        self.interruption = interruption
        self.limits = limits
        self.cache = Cache()
        self.temp_mark = uuid.uuid4().hex[:5]

    def execute(self, prompt: Prompt) -> Outcome:
        """Run a validated prompt and return what becomes of it; failures are part of that."""
        self.interruption.forget()
        self.hub.client_id = prompt.extra_data.get("client_id")
        try:
            return _Run(self, prompt).finish()
        finally:
            self.hub.node_id = None


@dataclass
class _Run:
    """One prompt being run."""

    engine: Executor
    prompt: Prompt
    messages: list[list[Any]] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        engine = self.engine
        self.client_id = engine.hub.client_id
        self.graph = self.prompt.graph
        self.progress = Progress(
            engine.hub, engine.interruption, self.prompt.prompt_id, self.client_id
        )
        method = self.prompt.extra_data.get("preview_method")
        if method not in (*_PREVIEW_METHODS, "none"):
            method = engine.limits.preview_method
        self.previews = method in _PREVIEW_METHODS

    def finish(self) -> Outcome:
        self._tell("execution_start", {})
        cache = self.engine.cache
        self.keys = compute_keys(self.graph, self.engine.registry, self.engine.folders)
        cached = [node_id for node_id in self.graph if cache.get(self.keys[node_id])]
        self._tell("execution_cached", {"nodes": cached})
        self.schedule = Schedule(self.graph, self.engine.registry, self._is_cached)
        for output in self.prompt.outputs:
            self.schedule.add(output)
        self.entries = {
            node_id: entry
            for node_id in self.schedule.needed()
            if (entry := cache.get(self.keys[node_id])) is not None
        }
        completed = self._run_all()
        if completed:
            self._tell("execution_success", {})
        return Outcome(
            outputs={node_id: each["output"] for node_id, each in self.shown.items()},
            meta={node_id: each["meta"] for node_id, each in self.shown.items()},
            status={
                "status_str": "success" if completed else "error",
                "completed": completed,
                "messages": self.messages,
            },
        )

    def _is_cached(self, node_id: str) -> bool:
        return self.engine.cache.get(self.keys[node_id]) is not None

    def _run_all(self) -> bool:
        used = set(self.keys.values())
        while self.schedule:
            node_id = self.schedule.pick()
            inputs: dict[str, Any] = {}
            try:
                self._run_node(node_id, inputs)
            except Interrupted:
                self._tell_interrupted(node_id)
                return False
            except NODE_FAILURES as error:
                self._tell_failed(node_id, inputs, error)
                return False
            self.schedule.complete(node_id)
            self.engine.cache.keep_only(used)
            needed = self.schedule.needed()
            self.entries = {key: each for key, each in self.entries.items() if key in needed}
        return True

    def _run_node(self, node_id: str, inputs: dict[str, Any]) -> None:
        cached = self.engine.cache.get(self.keys[node_id])
        if cached is not None:
            self._show_cached(node_id, cached)
            self.progress.finish(node_id)
            self.entries[node_id] = cached
            return
        self.progress.start(node_id)
        node = self.graph[node_id]
        node_class = self.engine.registry[node["class_type"]]
        inputs.update(self._inputs_of(node, node_class))
        if self.client_id is not None:
            self.engine.hub.node_id = node_id
            self._publish("executing", {"node": node_id, "display_node": node_id})
        self.engine.interruption.check()
        result = node_class.run(self._context(node_id), **inputs)
        if result.ui is not None:
            self._show(node_id, dict(result.ui))
        entry = Entry(result.values, self.shown.get(node_id))
        self.engine.cache.put(self.keys[node_id], entry)
        self.entries[node_id] = entry
        self.progress.finish(node_id)
        self.executed.append(node_id)

    def _inputs_of(self, node: Mapping[str, Any], node_class: NodeClass) -> dict[str, Any]:
        values = {}
        for declared in node_class.inputs:
            if declared.name in node["inputs"]:
                value = node["inputs"][declared.name]
                if is_link(value):
                    value = self.entries[value[0]].values[int(value[1])]
                values[declared.name] = value
        return values

    def _context(self, node_id: str) -> Context:
        budget = Budget(self.engine.limits.memory_limit_bytes, self._held, self._release)
        return Context(
            folders=self.engine.folders,
            prompt=self.graph,
            extra_pnginfo=self.prompt.extra_data.get("extra_pnginfo"),
            previews=self.previews,
            step_delay_s=self.engine.limits.step_delay_s,
            temp_mark=self.engine.temp_mark,
            interruption=self.engine.interruption,
            claim=budget.claim,
            report=lambda value, total, preview: self.progress.report(
                node_id, value, total, preview
            ),
        )

    def _held(self) -> list[Any]:
        return [entry.values for entry in (*self.engine.cache, *self.entries.values())]

    def _release(self) -> None:
        self.engine.cache.clear()

    def _show(self, node_id: str, output: dict[str, list[Any]]) -> None:
        meta = {
            "node_id": node_id,
            "display_node": node_id,
            "parent_node": None,
            "real_node_id": node_id,
        }
        self.shown[node_id] = {"meta": meta, "output": output}
        if self.client_id is not None:
            executed = {"node": node_id, "display_node": node_id, "output": output}
            self._publish("executed", executed)

    def _show_cached(self, node_id: str, entry: Entry) -> None:
        if entry.shown is not None:
            self.shown[node_id] = entry.shown
        if self.client_id is not None:
            output = (entry.shown or {}).get("output")
            executed = {"node": node_id, "display_node": node_id, "output": output}
            self._publish("executed", executed)

    def _publish(self, event: str, data: dict[str, Any]) -> None:
        data = data | {"prompt_id": self.prompt.prompt_id}
        self.engine.hub.publish(event, data, self.client_id)

    def _tell(self, event: str, data: dict[str, Any], *, broadcast: bool = False) -> None:
        """Send one of the events that also stay in the history."""
        stamped = {
            **data,
            "prompt_id": self.prompt.prompt_id,
            "timestamp": int(time.time() * 1000),
        }
        self.messages.append([event, stamped])
        if self.client_id is not None or broadcast:
            self.engine.hub.publish(event, stamped, self.client_id)

    def _tell_interrupted(self, node_id: str) -> None:
        data = {
            "node_id": node_id,
            "node_type": self.graph[node_id]["class_type"],
            "executed": list(self.executed),
        }
        self._tell("execution_interrupted", data, broadcast=True)

    def _tell_failed(self, node_id: str, inputs: dict[str, Any], error: BaseException) -> None:
        log.warning("Node %s failed: %s", node_id, error)
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        data = {
            "node_id": node_id,
            "node_type": self.graph[node_id]["class_type"],
            "executed": list(self.executed),
            "exception_message": f"{error}\n",
            "exception_type": f"{module}{kind.__qualname__}",
            "traceback": traceback.format_tb(error.__traceback__),
            "current_inputs": {name: [_shorten(value)] for name, value in inputs.items()},
            "current_outputs": list(self.graph),
        }
        self._tell("execution_error", data)


def _shorten(value: Any) -> Any:
    return value if isinstance(value, (int, float, bool, str)) or value is None else str(value)
