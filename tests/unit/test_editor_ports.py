"""Where the editor's port is, and how browsers are told to reach it."""

from __future__ import annotations

import socket
import threading

import pytest

from boot.listeners import listening, open_beside, open_port
from boot.plan import Address
from studio.errors import InvalidRequest
from studio.listening import open_ports
from studio.settings import Settings


@pytest.mark.parametrize(
    ("environ", "port", "url"),
    [
        ({}, None, None),
        ({"STUDIO_COMFY_PORT": "9001"}, 9001, None),
        ({"STUDIO_COMFY_PUBLIC_URL": "https://e.test/"}, None, "https://e.test"),
        ({"RUNPOD_POD_ID": "pod"}, None, "https://pod-8001.proxy.runpod.net"),
        (
            {"RUNPOD_POD_ID": "pod", "STUDIO_PORT": "7000"},
            None,
            "https://pod-7001.proxy.runpod.net",
        ),
        (
            {"RUNPOD_POD_ID": "pod", "STUDIO_COMFY_PORT": "9001"},
            9001,
            "https://pod-9001.proxy.runpod.net",
        ),
    ],
)
def test_the_editors_address_follows_from_studios(
    environ: dict[str, str], port: int | None, url: str | None
) -> None:
    settings = Settings.from_env(environ)
    assert (settings.comfy_port, settings.comfy_public_url) == (port, url)


@pytest.mark.parametrize(
    "environ",
    [
        {"STUDIO_COMFY_PORT": "many"},
        {"STUDIO_COMFY_PORT": "65536"},
        {"STUDIO_COMFY_PUBLIC_URL": "e.test"},
    ],
)
def test_an_address_that_cannot_be_used_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(environ))):
        Settings.from_env(environ)


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def test_the_port_is_the_next_one_or_any_while_that_is_taken() -> None:
    with listening(Address("127.0.0.1", 0)) as first:
        address = Address("127.0.0.1", port_of(first.studio))
        beside, _ = open_beside(first.studio, address)
        with beside:
            following = port_of(beside)
            another, notice = open_beside(first.studio, address)
            with another:
                assert port_of(another) not in (port_of(first.studio), following)
                assert "another port than usual" in notice
        if following == port_of(first.studio) + 1:
            again, notice = open_beside(first.studio, address)
            with again:
                assert (port_of(again), notice) == (following, "")


@pytest.mark.parametrize("name", ["STUDIO_PORT", "STUDIO_COMFY_PORT"])
def test_a_port_that_was_chosen_and_is_taken_is_named(name: str) -> None:
    with listening(Address("127.0.0.1", 0)) as first:
        taken = str(port_of(first.studio))
        settings = Settings.from_env({"STUDIO_PORT": "0", name: taken})
        with pytest.raises(InvalidRequest, match=f"Port {taken} .* {name}"), open_ports(settings):
            raise AssertionError("it was opened twice")


def test_a_port_of_one_who_was_just_killed_is_waited_for() -> None:
    with listening(Address("127.0.0.1", 0)) as first:
        port = port_of(first.studio)
        timer = threading.Timer(0.3, first.close)
        timer.start()
        with open_port("127.0.0.1", port, "STUDIO_PORT", patience_s=60) as second:
            assert port_of(second) == port
        timer.join()


@pytest.mark.parametrize("said", ["7", "0,1", "100000,100001"])
def test_what_was_inherited_and_is_no_open_port_is_refused(said: str) -> None:
    settings = Settings.from_env({"STUDIO_LISTENERS": said})
    with pytest.raises(InvalidRequest, match="STUDIO_LISTENERS"), open_ports(settings):
        raise AssertionError("something else was served on")
