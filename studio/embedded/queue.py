"""The prompts that wait, the one that runs, and the history of those that have run."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.embedded.execution import Outcome

MAXIMUM_HISTORY_SIZE = 10000


@dataclass(order=True, frozen=True)
class Prompt:
    """One queued graph. Lower numbers run first; ``arrival`` settles what is left of ties."""

    number: float
    prompt_id: str
    arrival: int
    graph: dict[str, Any] = field(compare=False)
    extra_data: dict[str, Any] = field(compare=False)
    outputs: list[str] = field(compare=False)

    def listed(self) -> list[Any]:
        """Return the prompt as ``/queue`` and ``/history`` list it."""
        return [self.number, self.prompt_id, self.graph, self.extra_data, self.outputs]


class PromptQueue:
    """Prompts by their number, for one worker thread. Safe to use from any thread.

    ``changed()`` is called after each change of what waits or runs.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._ready = threading.Condition()
        self._waiting: list[Prompt] = []
        self._running: Prompt | None = None
        self._history: dict[str, dict[str, Any]] = {}
        self._free_requested = False

    def put(self, prompt: Prompt) -> None:
        """Add a prompt."""
        with self._ready:
            heapq.heappush(self._waiting, prompt)
            self._changed()
            self._ready.notify()

    def take(self) -> Prompt | None:
        """Wait for a prompt and make it the running one; None when memory should be freed."""
        with self._ready:
            while not self._waiting and not self._free_requested:
                self._ready.wait()
            if self._free_requested:
                self._free_requested = False
                return None
            self._running = heapq.heappop(self._waiting)
            self._changed()
            return self._running

    def finish(self, prompt: Prompt, outcome: Outcome) -> None:
        """Move the running prompt to the history."""
        with self._ready:
            self._running = None
            if len(self._history) > MAXIMUM_HISTORY_SIZE:
                del self._history[next(iter(self._history))]
            self._history[prompt.prompt_id] = {
                "prompt": prompt.listed(),
                "outputs": outcome.outputs,
                "status": outcome.status,
                "meta": outcome.meta,
            }
            self._changed()

    def request_free(self) -> None:
        """Ask the worker to forget what it keeps, before it takes the next prompt."""
        with self._ready:
            self._free_requested = True
            self._ready.notify()

    def interrupt_if_running(self, prompt_id: str, interrupt: Callable[[], None]) -> bool:
        """Call ``interrupt`` if that prompt runs now, and say whether it does."""
        with self._ready:
            if self._running is None or self._running.prompt_id != prompt_id:
                return False
            interrupt()
            return True

    def remaining(self) -> int:
        """Return how many prompts wait or run."""
        with self._ready:
            return len(self._waiting) + (self._running is not None)

    def running(self) -> list[Prompt]:
        """Return the running prompt, if there is one."""
        with self._ready:
            return [] if self._running is None else [self._running]

    def waiting(self) -> list[Prompt]:
        """Return the waiting prompts, the next one first."""
        with self._ready:
            return list(self._waiting)

    def clear(self) -> None:
        """Drop all waiting prompts."""
        with self._ready:
            self._waiting = []
            self._changed()

    def delete(self, prompt_id: str) -> bool:
        """Drop the first waiting prompt of that id and say whether there was one."""
        with self._ready:
            for index, prompt in enumerate(self._waiting):
                if prompt.prompt_id == prompt_id:
                    del self._waiting[index]
                    heapq.heapify(self._waiting)
                    self._changed()
                    return True
        return False

    def history(self, max_items: int | None = None, offset: int = -1) -> dict[str, dict[str, Any]]:
        """Return the history, oldest first; a negative offset means the newest ``max_items``."""
        with self._ready:
            if offset < 0 and max_items is not None:
                offset = len(self._history) - max_items
            chosen = list(self._history.items())[max(0, offset) :]
            if max_items is not None:
                chosen = chosen[: max(1, max_items)]
            return dict(chosen)

    def history_of(self, prompt_id: str) -> dict[str, dict[str, Any]]:
        """Return the history of one prompt; empty when there is none."""
        with self._ready:
            entry = self._history.get(prompt_id)
            return {} if entry is None else {prompt_id: entry}

    def clear_history(self) -> None:
        """Forget all history."""
        with self._ready:
            self._history = {}

    def delete_history(self, prompt_id: str) -> None:
        """Forget one prompt's history."""
        with self._ready:
            self._history.pop(prompt_id, None)
