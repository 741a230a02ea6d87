"""The limit of what the engine holds."""

from __future__ import annotations

import numpy as np
import pytest

from studio.embedded.context import MemoryLimitExceeded
from studio.embedded.memory import Budget, size_of
from tests.contract.clients import Client, solid

MB = 1024 * 1024


def test_a_graph_above_the_limit_fails_and_says_so(client: Client) -> None:
    entry = client.run(solid(size=4096))
    kind, error = entry["status"]["messages"][-1]
    assert kind == "execution_error"
    assert error["node_id"] == "1"
    assert "192 MB" in error["exception_message"]
    assert "limit of 40 MB" in error["exception_message"]
    assert error["exception_type"].endswith("MemoryLimitExceeded")


def test_the_engine_survives_a_graph_above_the_limit(client: Client) -> None:
    client.run(solid(size=16384))
    assert client.run(solid())["status"]["completed"]


def test_what_is_cached_makes_room_for_what_runs(client: Client) -> None:
    for _ in range(3):
        assert client.run(solid(size=1536))["status"]["completed"]


def test_many_steps_of_one_graph_count_together(client: Client) -> None:
    graph = solid(size=1024)
    source = "1"
    for node_id in map(str, range(10, 16)):
        graph[node_id] = {"class_type": "ImageInvert", "inputs": {"image": [source, 0]}}
        source = node_id
    graph["2"]["inputs"]["images"] = [source, 0]
    assert client.run(graph)["status"]["completed"]
    inputs = {"image1": [source, 0], "image2": ["1", 0]}
    for node_id in map(str, range(20, 24)):
        graph[node_id] = {"class_type": "ImageBatch", "inputs": dict(inputs)}
        inputs["image1"] = [node_id, 0]
    graph["2"]["inputs"]["images"] = ["23", 0]
    assert client.run(graph)["status"]["messages"][-1][0] == "execution_error"


def test_the_shapes_of_huge_latents_alone_cost_nothing(client: Client) -> None:
    graph = solid()
    latent = {"width": 16384, "height": 16384, "batch_size": 4096}
    graph["3"] = {"class_type": "EmptyLatentImage", "inputs": latent}
    graph["4"] = {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}}
    assert client.run(graph)["status"]["completed"]


def test_a_budget_releases_before_it_refuses() -> None:
    held: list[object] = [np.zeros(MB, dtype=np.uint8)]
    budget = Budget(2 * MB, lambda: held, held.clear)
    budget.claim(MB // 4)
    assert held != []
    budget.claim(MB // 4)
    assert held == []
    with pytest.raises(MemoryLimitExceeded):
        budget.claim(1)


def test_an_array_that_is_held_twice_counts_once() -> None:
    array = np.zeros(10, dtype=np.float32)
    assert size_of([(array,), [array, "text"], 3]) == 40
