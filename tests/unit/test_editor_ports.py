"""Where the editor's port is, and how browsers are told to reach it."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from studio.errors import InvalidRequest
from studio.server import _listen, _listen_beside
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
    settings = Settings.from_env({"STUDIO_PORT": "0"})
    with _listen("127.0.0.1", 0, "STUDIO_PORT") as first:
        chosen = replace(settings, port=port_of(first))
        with _listen_beside(first, chosen) as beside:
            following = port_of(beside)
            with _listen_beside(first, chosen) as another:
                assert port_of(another) not in (port_of(first), following)
        if following == port_of(first) + 1:
            with _listen_beside(first, chosen) as again:
                assert port_of(again) == following


def test_a_port_that_was_chosen_and_is_taken_is_named() -> None:
    settings = Settings.from_env({})
    with _listen("127.0.0.1", 0, "STUDIO_PORT") as first:
        chosen = replace(settings, comfy_port=port_of(first))
        with (
            pytest.raises(InvalidRequest, match="STUDIO_COMFY_PORT"),
            _listen_beside(first, chosen),
        ):
            raise AssertionError("it was opened twice")
