"""Running a graph again, wholly or partly unchanged."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from tests.contract.clients import Client, Frame, Graph, events, fresh_color, solid


def run_heard(client: Client, graph: Graph) -> tuple[str, list[Frame]]:
    """Run a graph and return its id and the frames that the client received."""
    with client.listening() as listener:
        prompt_id = client.submit(graph)
        return prompt_id, listener.read_run(prompt_id)


def executing(frames: list[Frame]) -> list[str]:
    """Return the ids of the nodes that ran."""
    return [e.data["node"] for e in events(frames, "executing") if e.data["node"] is not None]


def cached(frames: list[Frame]) -> list[str]:
    """Return the ids of the nodes that were announced as cached."""
    [event] = events(frames, "execution_cached")
    return sorted(event.data["nodes"])


def test_an_unchanged_graph_runs_no_node_but_delivers_the_old_output(client: Client) -> None:
    graph = solid()
    first = client.run(graph)
    prompt_id, frames = run_heard(client, graph)
    assert cached(frames) == ["1", "2"]
    assert executing(frames) == []
    [executed] = events(frames, "executed")
    assert executed.data["node"] == "2"
    assert executed.data["output"] == first["outputs"]["2"]
    second = client.wait(prompt_id)
    assert second["outputs"] == first["outputs"]
    assert second["status"]["completed"]


def test_a_cached_node_counts_as_finished(client: Client) -> None:
    graph = solid()
    client.run(graph)
    _, frames = run_heard(client, graph)
    states = events(frames, "progress_state")
    assert [list(state.data["nodes"]) for state in states] == [["2"]]
    assert states[0].data["nodes"]["2"]["state"] == "finished"


def test_a_changed_prefix_runs_only_the_save_node(client: Client) -> None:
    color = fresh_color()
    client.run(solid("contract/before", color=color))
    _, frames = run_heard(client, solid("contract/after", color=color))
    assert cached(frames) == ["1"]
    assert executing(frames) == ["2"]


def test_a_changed_source_runs_everything_below_it(client: Client) -> None:
    graph = solid()
    client.run(graph)
    graph["1"]["inputs"]["color"] = fresh_color()
    _, frames = run_heard(client, graph)
    assert cached(frames) == []
    assert executing(frames) == ["1", "2"]


def test_other_node_ids_do_not_make_another_graph(client: Client) -> None:
    graph = solid()
    client.run(graph)
    renamed = {"7": graph["1"], "8": {**graph["2"]}}
    renamed["8"]["inputs"] = {**graph["2"]["inputs"], "images": ["7", 0]}
    _, frames = run_heard(client, renamed)
    assert cached(frames) == ["7", "8"]


def test_an_unknown_input_is_ignored_but_makes_the_node_run_again(client: Client) -> None:
    color = fresh_color()
    first = client.run(solid(color=color))
    prompt_id, frames = run_heard(client, solid(color=color, studio_run="again"))
    assert cached(frames) == ["1"]
    assert executing(frames) == ["2"]
    entry = client.wait(prompt_id)
    assert entry["status"]["completed"]
    assert entry["outputs"]["2"]["images"] != first["outputs"]["2"]["images"]
    assert entry["prompt"][2]["2"]["inputs"]["studio_run"] == "again"


def test_the_old_name_is_believed_even_when_the_file_is_gone(client: Client) -> None:
    graph = solid(f"contract/gone{fresh_color()}")
    [reference] = client.run(graph)["outputs"]["2"]["images"]
    (client.engine.home / "output" / reference["subfolder"] / reference["filename"]).unlink()
    assert client.run(graph)["outputs"]["2"]["images"] == [reference]
    assert client.http.get("/view", params=reference).status_code == 404


def test_a_name_is_given_again_once_its_file_is_gone(client: Client) -> None:
    prefix = f"contract/reused{fresh_color()}"
    [first] = client.run(solid(prefix))["outputs"]["2"]["images"]
    (client.engine.home / "output" / first["subfolder"] / first["filename"]).unlink()
    [second] = client.run(solid(prefix))["outputs"]["2"]["images"]
    assert second == first


def test_a_picture_is_loaded_again_only_when_its_content_changed(client: Client) -> None:
    name = f"changing{fresh_color()}.png"
    graph = solid()
    graph["1"] = {"class_type": "LoadImage", "inputs": {"image": name}}

    def upload(color: str) -> None:
        buffer = BytesIO()
        Image.new("RGB", (8, 8), color).save(buffer, "PNG")
        files = {"image": (name, buffer.getvalue())}
        client.http.post("/upload/image", files=files, data={"overwrite": "true"})

    upload("red")
    client.run(graph)
    upload("red")
    assert cached(run_heard(client, graph)[1]) == ["1", "2"]
    upload("blue")
    prompt_id, frames = run_heard(client, graph)
    assert executing(frames) == ["1", "2"]
    [reference] = client.wait(prompt_id)["outputs"]["2"]["images"]
    assert client.image(reference).getpixel((0, 0)) == (0, 0, 255)


def test_a_node_that_failed_is_not_cached(client: Client) -> None:
    graph = solid("../outside")
    client.run(graph)
    prompt_id, frames = run_heard(client, graph)
    assert cached(frames) == ["1"]
    assert executing(frames) == ["2"]
    assert client.wait(prompt_id)["status"]["status_str"] == "error"


def test_freed_memory_means_that_everything_runs_again(client: Client) -> None:
    graph = solid()
    client.run(graph)
    assert client.http.post("/free", json={"free_memory": True}).status_code == 200
    client.run(solid())
    _, frames = run_heard(client, graph)
    assert executing(frames) == ["1", "2"]


def test_two_equal_nodes_of_one_graph_run_once(client: Client) -> None:
    graph = solid()
    graph["3"] = {"class_type": "EmptyImage", "inputs": dict(graph["1"]["inputs"])}
    graph["4"] = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    _, frames = run_heard(client, graph)
    assert len(set(executing(frames)) & {"1", "3"}) == 1
