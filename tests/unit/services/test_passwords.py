"""Passwords: what is kept, what fits, and that one hash is made at a time."""

from __future__ import annotations

import asyncio

import pytest

from studio.errors import TooManyLogins, Unprocessable
from studio.services.passwords import KNOWN_WAITING, MAX_WAITING, Passwords, check_password
from tests.fakes.counted_hashes import hashing as hashing

CHEAP = 4


async def test_a_password_fits_its_own_hash_and_no_other() -> None:
    passwords = Passwords(log_n=CHEAP)
    record = await passwords.hash("a red fox")
    assert await passwords.verify("a red fox", record, known=False)
    assert not await passwords.verify("a red fix", record, known=False)
    assert not await passwords.verify("a red fox", await passwords.hash("another"), known=False)
    assert "fox" not in record


async def test_two_hashes_of_one_password_have_nothing_in_common() -> None:
    passwords = Passwords(log_n=CHEAP)
    first, second = await passwords.hash("a red fox"), await passwords.hash("a red fox")
    assert first.split("$")[4:] != second.split("$")[4:]


async def test_a_hash_is_as_dear_as_it_should_be() -> None:
    record = await Passwords().hash("a red fox")
    assert record.startswith("scrypt$17$8$1$")
    # An older and cheaper hash is still understood, by what it says of itself.
    older = await Passwords(log_n=CHEAP).hash("a red fox")
    assert await Passwords().verify("a red fox", older, known=False)


async def test_a_letter_typed_in_two_ways_is_the_same() -> None:
    passwords = Passwords(log_n=CHEAP)
    record = await passwords.hash("caf\u00e9 noir")
    assert await passwords.verify("cafe\u0301 noir", record, known=False)


async def test_one_hash_is_made_at_a_time(hashing: list[int]) -> None:
    passwords = Passwords(log_n=12)
    record = await passwords.hash("a red fox")
    await asyncio.gather(*(passwords.verify("wrong", record, known=False) for _ in range(9)))
    assert hashing == [1] * 10


async def test_the_line_has_an_end_for_strangers_and_another_for_the_known(
    hashing: list[int],
) -> None:
    passwords = Passwords(log_n=CHEAP)
    record = await passwords.hash("a red fox")
    hashing.clear()

    def arrive(count: int, *, known: bool) -> list[asyncio.Task[bool]]:
        tries = (passwords.verify("a red fox", record, known=known) for _ in range(count))
        return [asyncio.create_task(attempt) for attempt in tries]

    flood = arrive(MAX_WAITING + 4, known=False) + arrive(KNOWN_WAITING + 2, known=True)
    answers = await asyncio.gather(*flood, return_exceptions=True)
    full = [None if answer is True else answer for answer in answers]
    # One is at work and the others of them wait.
    assert [one is None for one in full[: MAX_WAITING + 4]] == [True] * (MAX_WAITING + 1) + [
        False
    ] * 3
    assert [one is None for one in full[MAX_WAITING + 4 :]] == [True] * KNOWN_WAITING + [False] * 2
    refused = [one for one in full if isinstance(one, TooManyLogins)]
    assert [refusal.retry_after_s for refusal in refused] == [20] * 5
    assert hashing == [1] * (MAX_WAITING + KNOWN_WAITING + 1)
    assert await passwords.hash("a red fox")


async def test_nobody_costs_as_much_as_somebody(hashing: list[int]) -> None:
    passwords = Passwords(log_n=CHEAP)
    assert not await passwords.verify("a red fox", None, known=False)
    assert hashing == [1]


async def test_the_event_loop_goes_on_while_a_hash_is_made() -> None:
    hashing = asyncio.create_task(Passwords().hash("a red fox"))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
    assert hashing.result()


@pytest.mark.parametrize("password", ["", "7 chars", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(Unprocessable, match="8 to 256"):
        check_password(password)


@pytest.mark.parametrize("password", ["8 chars.", "x" * 256, "        ", "пароль🦊🦊"])
def test_any_other_password_is_fine(password: str) -> None:
    check_password(password)
    assert 8 <= len(password) <= 256
