"""Where the editor's port is, and how browsers are told to reach it."""

from __future__ import annotations

import os
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


def test_on_all_addresses_nobody_else_gets_the_ports_by_ipv6() -> None:
    if not can_bind("::1", 0):
        pytest.skip("there is no IPv6 here")
    with listening(Address("0.0.0.0", 0, 0, shuts_ipv6=True)) as open_ones:
        for port in map(port_of, (open_ones.studio, open_ones.comfy)):
            with socket.create_connection(("127.0.0.1", port)):
                pass
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("::1", port))
            assert [can_bind(host, port) for host in ("::", "::1")] == [False, False]


def can_bind(host: str, port: int) -> bool:
    try:
        with socket.socket(socket.AF_INET6) as other:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((host, port))
    except OSError:
        return False
    return True


def test_inherited_ports_are_served_on_and_passed_on_to_nobody() -> None:
    with listening(Address("127.0.0.1", 0)) as held:
        passed = [os.dup(handle) for handle in held.handles]
        for handle in passed:
            os.set_inheritable(handle, True)
        told = {"STUDIO_LISTENERS": ",".join(map(str, passed)), "STUDIO_PORT": "1"}
        with open_ports(Settings.from_env(told)) as inherited:
            assert list(inherited.handles) == passed
            assert port_of(inherited.studio) == port_of(held.studio)
            assert not any(map(os.get_inheritable, passed))
        # Bootstrap's own stay open for the next Studio.
        with socket.create_connection(held.studio.getsockname()):
            pass
