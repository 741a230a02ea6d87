"""The queue and its bounded history."""

from __future__ import annotations

import threading

import pytest

from studio.embedded.execution import Executor, Outcome
from studio.embedded.queue import MAXIMUM_HISTORY_SIZE, Prompt, PromptQueue
from studio.embedded.worker import Worker


def prompt(prompt_id: str, number: float = 0, arrival: int = 0) -> Prompt:
    """Return a prompt with an empty graph."""
    return Prompt(number, prompt_id, arrival, {}, {}, [])


def outcome() -> Outcome:
    """Return what an empty graph leads to."""
    return Outcome({}, {}, {"status_str": "success", "completed": True, "messages": []})


def test_the_history_forgets_its_oldest_entries() -> None:
    queue = PromptQueue(lambda: None)
    total = MAXIMUM_HISTORY_SIZE + 50
    for index in range(total):
        queue.finish(prompt(str(index)), outcome())
    kept = list(queue.history())
    assert len(kept) == MAXIMUM_HISTORY_SIZE + 1
    assert kept[-1] == str(total - 1)
    assert "0" not in kept


def test_prompts_are_taken_by_number_then_by_id_then_by_arrival() -> None:
    queue = PromptQueue(lambda: None)
    for each in (prompt("b", 1), prompt("a", 1, 2), prompt("a", 1, 1), prompt("z", -1)):
        queue.put(each)
    taken = []
    while queue.remaining():
        taken.append(queue.take())
        assert taken[-1] is not None
        queue.finish(taken[-1], outcome())
    assert [(each.prompt_id, each.arrival) for each in taken if each] == [
        ("z", 0),
        ("a", 1),
        ("a", 2),
        ("b", 0),
    ]


def test_a_request_to_free_memory_wakes_an_idle_worker() -> None:
    queue = PromptQueue(lambda: None)
    queue.request_free()
    assert queue.take() is None


def test_only_the_running_prompt_is_interrupted() -> None:
    queue = PromptQueue(lambda: None)
    queue.put(prompt("a"))
    calls: list[str] = []
    assert not queue.interrupt_if_running("a", lambda: calls.append("early"))
    queue.take()
    assert not queue.interrupt_if_running("b", lambda: calls.append("other"))
    assert queue.interrupt_if_running("a", lambda: calls.append("hit"))
    assert calls == ["hit"]


def test_a_worker_that_breaks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class BrokenExecutor(Executor):
        def __init__(self) -> None:
            """Have nothing to run prompts with."""

        def execute(self, prompt: Prompt) -> Outcome:
            raise KeyboardInterrupt

    ended = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _failure: ended.set())
    queue = PromptQueue(lambda: None)
    crashed = threading.Event()
    queue.put(prompt("a"))
    hub: object = None
    Worker(queue, BrokenExecutor(), hub, crashed.set).start()  # type: ignore[arg-type]
    assert crashed.wait(10)
    assert ended.wait(10)
