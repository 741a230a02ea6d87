"""Which addresses a credential of a request is for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from studio.services.download_credentials import Credential

_BASE = "https://example.org/"
_GIVEN_UP_S = 60


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("a.safetensors", ["a.safetensors"], ["a.safetensors2", "b", "aXsafetensors"]),
        ("*", ["", "a", "a?b=c"], ["a/b", "/"]),
        ("**", ["", "a", "a/b/c?d=e/f"], []),
        ("*/x", ["a/x", "/x"], ["x", "a/b/x"]),
        ("**/x", ["a/x", "/x", "a/b/x"], ["x", "a/x/"]),
        ("a?c", ["abc", "a?c"], ["a/c", "ac", "abbc"]),
        ("a*b*c", ["abc", "aabbcc"], ["ab/c", "ab"]),
        ("***", ["", "a/b"], []),
    ],
)
def test_stars_and_question_marks_stand_for_what_is_documented(
    pattern: str, fitting: list[str], other: list[str]
) -> None:
    credential = Credential(_BASE + pattern, "bearer", value="x")
    assert [each for each in fitting if not credential.fits(_BASE + each)] == []
    assert [each for each in other if credential.fits(_BASE + each)] == []
    assert not credential.fits(f"http://example.org/{fitting[0]}")


def test_no_pattern_makes_an_address_take_long_to_compare() -> None:
    """With a regular expression of as many stars Studio would have stood still for years."""
    text = (
        "from studio.services.download_credentials import Credential;"
        f"one = Credential({_BASE!r} + '**a' * 600 + 'b', 'bearer', value='x');"
        f"print(one.fits({_BASE!r} + 'a' * 4000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        timeout=_GIVEN_UP_S,
        check=True,
    )
    assert done.stdout == "False\n"
