"""Names of people: what is kept, and which are the same."""

from __future__ import annotations

import pytest

from studio.errors import NameTaken, Unprocessable
from studio.services.names import checked_name, key_of


@pytest.mark.parametrize(
    "name", ["Ann", "Zoë Müller", "李小龍", "x", "x" * 40, "🦊 fox", "a.b-c_d"]
)
def test_an_ordinary_name_is_kept_as_it_is(name: str) -> None:
    assert checked_name(name, "somebody") == name


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 41, "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "\ud800", "\u3000"]
)
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(Unprocessable, match="1 to 40"):
        checked_name(name, "somebody")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann", "aNN"),
        ("Straße", "STRASSE"),
        ("ＡＮＮ", "ann"),
        ("cafe\u0301", "CAFÉ"),
        ("x ", " X"),
    ],
)
def test_spellings_of_one_name_are_the_same(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize("name", ["owner", "Owner", " OWNER ", "ｏｗｎｅｒ"])
def test_only_the_owner_is_called_owner(name: str) -> None:
    with pytest.raises(NameTaken):
        checked_name(name, "somebody")
    assert checked_name(name, "owner") == name.strip()
