"""The thread in which prompts run."""

from __future__ import annotations

import threading
from collections.abc import Callable

from studio.embedded.execution import Executor
from studio.embedded.queue import PromptQueue
from studio.embedded.sockets import Hub


class Worker:
    """Takes prompts from the queue and runs them, one after the other.

    ``crashed()`` is called when the thread ends, which it never should: the engine then has to
    end too, so that whoever supervises it notices.
    """

    def __init__(
        self, queue: PromptQueue, executor: Executor, hub: Hub, crashed: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._executor = executor
        self._hub = hub
        self._crashed = crashed
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                self._run_next()
        finally:
            self._crashed()

    def _run_next(self) -> None:
        prompt = self._queue.take()
        if prompt is None:
            self._executor.cache.clear()
            return
        outcome = self._executor.execute(prompt)
        self._queue.finish(prompt, outcome)
        client_id = self._hub.client_id
        if client_id is not None:
            done = {"node": None, "prompt_id": prompt.prompt_id}
            self._hub.publish("executing", done, client_id)
