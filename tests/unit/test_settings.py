"""What the environment may say, and what it may not."""

from __future__ import annotations

import pytest

from studio.errors import InvalidRequest
from studio.settings import Settings


@pytest.mark.parametrize(
    "url",
    [
        "https://user@studio.example",
        "https://studio.example:99999",
        "https://studio.example:0",
        "https://stu dio.example",
        "https://münchen.example",
        "https://studio.example/below",
        "https://studio.example?x",
        "ftp://studio.example",
        "studio.example",
        "https://",
    ],
)
@pytest.mark.parametrize("name", ["STUDIO_PUBLIC_URL", "STUDIO_COMFY_PUBLIC_URL"])
def test_a_public_address_that_no_browser_could_send_as_its_origin_is_refused(
    name: str, url: str
) -> None:
    with pytest.raises(InvalidRequest, match=name):
        Settings.from_env({name: url})


@pytest.mark.parametrize(
    "url",
    [
        "https://studio.example",
        "https://Studio.Example:8443",
        "http://192.0.2.7:8000",
        "http://[::1]:8000",
        "https://pod-8000.proxy.example.net/",
    ],
)
def test_a_public_address_is_scheme_host_and_port(url: str) -> None:
    assert Settings.from_env({"STUDIO_PUBLIC_URL": url}).public_url == url.rstrip("/")
