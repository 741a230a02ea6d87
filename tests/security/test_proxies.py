"""Whose word counts about the client an attempt to log in comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.errors import InvalidRequest
from studio.settings import Settings
from tests.api.studio_process import run_studio


@pytest.mark.parametrize(
    ("environ", "trusted"),
    [
        ({}, ()),
        ({"STUDIO_TRUSTED_PROXIES": " , "}, ()),
        ({"STUDIO_TRUSTED_PROXIES": "127.0.0.1, ::1"}, ("127.0.0.1/32", "::1/128")),
        # The part of an address behind its network's is cut off; the server would ignore it whole.
        ({"STUDIO_TRUSTED_PROXIES": "10.1.2.3/8"}, ("10.0.0.0/8",)),
    ],
)
def test_nobody_is_trusted_who_is_not_named(
    environ: dict[str, str], trusted: tuple[str, ...]
) -> None:
    assert Settings.from_env(environ).trusted_proxies == trusted


def test_what_is_no_address_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"STUDIO_TRUSTED_PROXIES.*'proxy.lan'"):
        Settings.from_env({"STUDIO_TRUSTED_PROXIES": "127.0.0.1,proxy.lan"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, [401, 401, 429, 429]),
        ({"STUDIO_TRUSTED_PROXIES": "127.0.0.1"}, [401, 401, 401, 401]),
    ],
)
def test_this_machine_is_believed_only_when_it_is_named(
    tmp_path: Path, environ: dict[str, str], expected: list[int]
) -> None:
    """What comes through ``ssh -R`` comes from loopback, with a header that a stranger wrote."""
    with run_studio(tmp_path, environ, engine=False) as studio, studio.client(None) as stranger:
        answers = [
            stranger.post(
                "/api/session",
                json={"password": "wrong one"},
                headers={
                    "Sec-Fetch-Site": "same-origin",
                    "X-Forwarded-For": f"198.51.100.{number}",
                },
            )
            for number in range(4)
        ]
    assert [answer.status_code for answer in answers] == expected
