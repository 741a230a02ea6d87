"""Several sockets, and sockets under the same client id."""

from __future__ import annotations

from websockets.sync.client import connect

from tests.contract.clients import Client, Event, Listener, endless, events, solid


def ping(client: Client) -> None:
    """Cause an event that goes to every registered socket."""
    client.http.post("/queue", json={"clear": True})


def hears(client: Client, listener: Listener) -> bool:
    """Say whether a socket is registered."""
    listener.drain()
    ping(client)
    return any(isinstance(f, Event) and f.type == "status" for f in listener.drain())


def test_a_socket_is_greeted_with_the_status_and_its_id(client: Client) -> None:
    with client.listening() as listener:
        [greeting] = listener.frames
    assert isinstance(greeting, Event)
    assert greeting.type == "status"
    assert greeting.data["sid"] == client.client_id
    assert "queue_remaining" in greeting.data["status"]["exec_info"]


def test_a_socket_without_an_id_is_given_one(client: Client) -> None:
    with connect(client.engine.socket_url) as connection:
        greeting = Listener(connection).read()
    assert isinstance(greeting, Event)
    assert len(greeting.data["sid"]) == 32


def test_each_client_hears_of_its_own_prompts_only(client: Client) -> None:
    other = Client(client.engine)
    with client.listening() as mine, other.listening() as theirs:
        first, second = client.submit(solid()), other.submit(solid())
        my_frames, their_frames = mine.read_run(first), theirs.read_run(second)
        my_frames += mine.drain()
    other.http.close()
    for frames, prompt_id in ((my_frames, first), (their_frames, second)):
        ids = {e.data["prompt_id"] for e in frames if isinstance(e, Event) and e.type != "status"}
        assert ids == {prompt_id}


def test_a_second_socket_takes_the_place_of_the_first(client: Client) -> None:
    with client.listening() as old, client.listening() as new:
        prompt_id = client.submit(solid())
        new.read_run(prompt_id)
        assert old.drain() == []


def test_a_socket_opened_after_the_old_one_closed_hears_everything(client: Client) -> None:
    with client.listening():
        pass
    with client.listening() as listener:
        assert hears(client, listener)


def test_the_late_close_of_an_old_socket_silences_the_new_one(client: Client) -> None:
    with client.listening() as old, client.listening() as new:
        assert hears(client, new)
        old.connection.close()
        assert not hears(client, new)
    with client.listening() as again:
        assert hears(client, again)


def test_a_client_that_comes_back_is_told_which_node_runs(client: Client) -> None:
    with client.listening() as listener:
        prompt_id = client.submit(endless(client.engine))
        listener.await_event("progress", prompt_id=prompt_id)
    with client.listening() as listener:
        told = listener.await_event("executing")
        assert told.data == {"node": "5"}
        listener.await_event("progress", prompt_id=prompt_id)


def test_flags_are_heeded_in_the_first_message_only(client: Client) -> None:
    with client.listening() as listener:
        listener.connection.send('{"type": "hello"}')
        listener.connection.send('{"type": "feature_flags", "data": {}}')
        assert events(listener.drain(), "feature_flags") == []


def test_a_message_that_is_not_json_does_no_harm(client: Client) -> None:
    with client.listening() as listener:
        listener.connection.send("{")
        listener.connection.send("[]")
        assert hears(client, listener)
