"""Sending a graph."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.clients import Client, endless, fresh_color, solid


def test_an_accepted_prompt_is_answered_with_its_id_and_number(client: Client) -> None:
    answer = client.post_prompt(solid()).json()
    assert answer.keys() == {"prompt_id", "number", "node_errors"}
    assert str(uuid.UUID(answer["prompt_id"])) == answer["prompt_id"]
    assert answer["node_errors"] == {}


def test_numbers_count_up_and_front_makes_them_negative(client: Client) -> None:
    first = client.post_prompt(solid()).json()["number"]
    assert client.post_prompt(solid(), front=True).json()["number"] == -(first + 1)
    assert client.post_prompt(solid()).json()["number"] == first + 2


def test_a_prompt_keeps_the_id_that_the_client_chose(client: Client) -> None:
    prompt_id = str(uuid.uuid4())
    assert client.submit(solid(), prompt_id=prompt_id) == prompt_id
    assert client.wait(prompt_id)["prompt"][1] == prompt_id


def test_a_null_id_is_replaced(client: Client) -> None:
    prompt_id = client.submit(solid(), prompt_id=None)
    assert str(uuid.UUID(prompt_id)) == prompt_id


CANONICAL = "9361ccde-6fcc-4f76-a0b1-5e78d5925b7b"


@pytest.mark.parametrize(
    "bad", ["not-a-uuid", "", CANONICAL.upper(), CANONICAL.replace("-", ""), 7, ["x"]]
)
def test_an_id_that_is_no_canonical_uuid_is_refused(client: Client, bad: object) -> None:
    answer = client.post_prompt(solid(), prompt_id=bad)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_prompt_id"
    assert answer.json()["node_errors"] == {}


def test_the_same_id_runs_twice_when_it_is_sent_twice(client: Client) -> None:
    prompt_id = str(uuid.uuid4())
    blocker = client.submit(endless(client.engine))
    client.wait_until_running(blocker)
    client.submit(solid("contract/first"), prompt_id=prompt_id)
    client.submit(solid("contract/second"), prompt_id=prompt_id)
    assert client.pending().count(prompt_id) == 2
    with client.listening() as listener:
        client.http.post("/interrupt")
        listener.read_run(prompt_id)
        listener.read_run(prompt_id)
    prefix = client.history(prompt_id)[prompt_id]["prompt"][2]["2"]["inputs"]["filename_prefix"]
    assert prefix == "contract/second"


def test_a_body_without_a_prompt_is_refused(client: Client) -> None:
    answer = client.http.post("/prompt", json={"client_id": client.client_id})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "no_prompt"


def test_a_body_that_is_not_json_is_an_error_of_the_server(client: Client) -> None:
    assert client.http.post("/prompt", content=b"{").status_code == 500


def test_every_route_also_answers_under_api(client: Client) -> None:
    assert client.http.get("/api/prompt").json() == client.http.get("/prompt").json()
    answer = client.http.post("/api/prompt", json={"prompt": solid()})
    assert client.wait(answer.json()["prompt_id"])["status"]["completed"]


def test_plain_values_are_converted_to_the_declared_types(client: Client) -> None:
    graph = solid()
    graph["1"]["inputs"] |= {"width": "48", "height": 32.9}
    entry = client.run(graph)
    assert entry["prompt"][2]["1"]["inputs"]["width"] == 48
    assert entry["prompt"][2]["1"]["inputs"]["height"] == 32
    assert client.image(entry["outputs"]["2"]["images"][0]).size == (48, 32)


def test_only_the_wanted_outputs_run_when_they_are_named(client: Client) -> None:
    graph = solid()
    graph["3"] = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    entry = client.run(graph, partial_execution_targets=["3"])
    assert list(entry["outputs"]) == ["3"]


def test_secrets_are_kept_out_of_the_queue_and_the_history(client: Client) -> None:
    secret = f"secret-{fresh_color()}"
    entry = client.run(solid(), extra_data={"api_key_comfy_org": secret, "note": "kept"})
    assert secret not in str(entry)
    assert entry["prompt"][3]["note"] == "kept"


def test_a_page_of_another_origin_may_not_submit(client: Client) -> None:
    answer = client.http.post(
        "/prompt", json={"prompt": solid()}, headers={"Origin": "http://example.com"}
    )
    assert answer.status_code == 403
    answer = client.http.get("/prompt", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
