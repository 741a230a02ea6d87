"""Names of engines that are given by address: bootstrap and Studio must agree on them."""

from __future__ import annotations

import pytest

from boot import engines as boot_engines
from studio import addresses
from studio.errors import InvalidRequest
from studio.settings import Settings

ADDRESSES = (
    ("http://10.0.0.2:8188", "10.0.0.2-8188"),
    ("https://pod-8188.proxy.example", "pod-8188.proxy.example-443"),
    ("http://gpu", "gpu-80"),
    ("http://GPU:8188", "gpu-8188"),
)
ODD = (
    "https://gpu:8188",
    "http://gpu:443",
    "http://gpu:8188/one",
    "http://gpu:8188/two",
    "http://g_pu:8188",
    "http://[::1]:8188",
    "http://[1::]:8188",
)


@pytest.mark.parametrize(("url", "name"), ADDRESSES)
def test_an_engine_is_named_after_its_address(url: str, name: str) -> None:
    assert addresses.remote_name(url) == name


@pytest.mark.parametrize("url", [*(url for url, _ in ADDRESSES), *ODD])
def test_bootstrap_and_studio_give_an_engine_the_same_name(url: str) -> None:
    assert boot_engines.remote_name(url) == addresses.remote_name(url)


def test_different_addresses_never_share_a_name() -> None:
    urls = [*(url for url, _ in ADDRESSES), *ODD]
    names = {addresses.remote_name(url) for url in urls}
    assert len(names) == len(urls)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for name in names)


def test_the_place_in_the_list_changes_no_name() -> None:
    def names(listed: str) -> dict[str, str]:
        engines = Settings.from_env({"STUDIO_ENGINE": listed}).engines
        return {engine.url: engine.name for engine in engines}

    both = names("http://a:1,http://b:2")
    assert names("http://b:2/ , http://a:1") == both
    assert names("http://b:2") == {"http://b:2": both["http://b:2"]}


@pytest.mark.parametrize("listed", ["http://a:1,http://a:1/", "http://a:99999", "http://[a"])
def test_a_list_that_cannot_be_meant_is_refused(listed: str) -> None:
    with pytest.raises(InvalidRequest, match="STUDIO_ENGINE"):
        Settings.from_env({"STUDIO_ENGINE": listed})
