"""Sessions: how they end, what is kept of them, and that the memory and the rows agree."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.errors import Conflict, NotFound, StorageUnavailable
from studio.models import ROLE_SCOPES, Identity, Role
from studio.services.sessions import MAX_PER_USER, SessionService
from studio.store.db import Database
from studio.store.invitations import Invitation, InvitationStore
from studio.store.migrations import migrate
from studio.store.sessions import SessionStore
from studio.store.users import User, UserStore

DAY_S = 86_400


@dataclass
class Rig:
    db: Database
    clock: FrozenClock
    users: UserStore
    sessions: SessionService

    async def person(self, name: str, role: Role = Role.MEMBER) -> User:
        """Somebody with a password."""
        now_ms = self.clock.now_ms()
        link = Invitation(f"link {name}", "invitation", role, None, now_ms, now_ms + 1)
        await InvitationStore(self.db).add(link, f"hash {name}")
        user = User(name, name, role, now_ms, "a record")
        await self.users.join(user, name, f"hash {name}")
        return user

    async def restarted(self) -> SessionService:
        """What the next Studio knows."""
        sessions = SessionService(
            sessions=SessionStore(self.db), users=self.users, clock=self.clock
        )
        await sessions.load()
        return sessions

    async def rows(self) -> list[str]:
        return [session.id for session in await SessionStore(self.db).all()]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    db, clock = Database(tmp_path / "studio.db"), FrozenClock()

    def prepare(connection: sqlite3.Connection) -> None:
        migrate(connection)

    await db.open(prepare)
    users = UserStore(db)
    try:
        sessions = SessionService(sessions=SessionStore(db), users=users, clock=clock)
        yield Rig(db, clock, users, sessions)
    finally:
        await db.close()


def identified(sessions: SessionService, token: str) -> Identity:
    identity = sessions.identify(token)
    assert identity is not None
    return identity


def session_of(identity: Identity) -> str:
    assert identity.session_id is not None
    return identity.session_id


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_token_opens_its_session_with_what_the_role_may(rig: Rig) -> None:
    ann = await rig.person("ann", Role.GUEST)
    identity = identified(rig.sessions, await rig.sessions.begin(ann, "Firefox"))
    assert (identity.user_id, identity.role, identity.key_id) == ("ann", Role.GUEST, None)
    assert identity.scopes == ROLE_SCOPES[Role.GUEST]


@pytest.mark.parametrize("token", ["", "x", "\ud800", "x" * 10_000])
async def test_what_is_no_token_opens_nothing(rig: Rig, token: str) -> None:
    await rig.sessions.begin(await rig.person("ann"), "")
    assert rig.sessions.identify(token) is None


async def test_a_session_ends_after_a_week_without_use(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    rig.clock.advance(7 * DAY_S - 1)
    session_id = session_of(identified(rig.sessions, token))
    rig.clock.advance(7 * DAY_S - 1)
    assert rig.sessions.is_live(session_id)
    rig.clock.advance(1)
    assert not rig.sessions.is_live(session_id)
    assert rig.sessions.identify(token) is None


async def test_a_session_ends_after_thirty_days_however_much_it_is_used(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    for _ in range(29):
        rig.clock.advance(DAY_S)
        assert rig.sessions.identify(token) is not None
    rig.clock.advance(DAY_S)
    assert rig.sessions.identify(token) is None


async def test_ended_sessions_leave_no_row_and_are_announced(rig: Rig) -> None:
    ended: list[str] = []
    rig.sessions.on_end(ended.append)
    token = await rig.sessions.begin(await rig.person("ann"), "")
    session_id = session_of(identified(rig.sessions, token))
    rig.clock.advance(7 * DAY_S)
    await rig.sessions.store_use()
    assert (ended, await rig.rows()) == ([session_id], [])


async def test_a_restart_keeps_sessions_and_their_last_use(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    rig.clock.advance(5 * DAY_S)
    assert rig.sessions.identify(token) is not None
    await rig.sessions.store_use()
    rig.clock.advance(5 * DAY_S)
    after = await rig.restarted()
    assert identified(after, token).user_id == "ann"
    [user] = [user for user in await rig.users.all() if user.id == "ann"]
    assert user.last_seen_at == rig.clock.now_ms() - 5 * DAY_S * 1000


async def test_a_session_that_ended_while_studio_stood_still_stays_ended(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    rig.clock.advance(8 * DAY_S)
    after = await rig.restarted()
    assert after.identify(token) is None
    assert await rig.rows() == []


async def test_the_use_of_a_session_is_written_now_and_then_only(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    commits = rig.db.commits
    for _ in range(1000):
        assert rig.sessions.identify(token) is not None
    assert rig.db.commits == commits


async def test_no_token_is_on_the_disk(rig: Rig, tmp_path: Path) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    renewed = await rig.sessions.renew(session_of(identified(rig.sessions, token)))
    written = everything_in(tmp_path)
    assert b"a record" in written
    assert token.encode() not in written
    assert renewed.encode() not in written


async def test_a_renewed_session_is_the_same_one_under_another_token(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    before = identified(rig.sessions, token)
    renewed = await rig.sessions.renew(session_of(before))
    assert rig.sessions.identify(token) is None
    assert rig.sessions.identify(renewed) == before
    assert (await rig.restarted()).identify(renewed) == before
    assert (await rig.restarted()).identify(token) is None


async def test_people_end_their_own_sessions_and_the_owner_anybodys(rig: Rig) -> None:
    ann, bob = await rig.person("ann"), await rig.person("bob")
    tokens = [await rig.sessions.begin(user, "") for user in (ann, ann, bob)]
    anns, other, bobs = (identified(rig.sessions, token) for token in tokens)
    with pytest.raises(NotFound):
        await rig.sessions.end(bobs, session_of(anns))
    await rig.sessions.end(anns, session_of(other))
    assert [rig.sessions.identify(token) is not None for token in tokens] == [True, False, True]
    owner = Identity("owner", Role.OWNER, ROLE_SCOPES[Role.OWNER])
    await rig.sessions.end(owner, session_of(bobs))
    assert rig.sessions.identify(tokens[2]) is None
    with pytest.raises(NotFound):
        await rig.sessions.end(owner, session_of(bobs))
    assert await rig.rows() == [anns.session_id]


async def test_ending_the_others_leaves_the_callers_own_and_other_people(rig: Rig) -> None:
    ann, bob = await rig.person("ann"), await rig.person("bob")
    tokens = [await rig.sessions.begin(user, "") for user in (ann, ann, ann, bob)]
    await rig.sessions.end_others(identified(rig.sessions, tokens[1]))
    assert [rig.sessions.identify(token) is not None for token in tokens] == [
        False,
        True,
        False,
        True,
    ]


async def test_the_list_shows_own_sessions_and_to_the_owner_all(rig: Rig) -> None:
    ann, bob = await rig.person("ann"), await rig.person("bob")
    token = await rig.sessions.begin(ann, "Firefox\r\n\x00" + "x" * 500)
    await rig.sessions.begin(bob, "Chrome")
    me = identified(rig.sessions, token)
    [mine] = await rig.sessions.list(me, everybody=True)
    assert mine.client == "Firefox" + "x" * 243
    owner = Identity("owner", Role.OWNER, ROLE_SCOPES[Role.OWNER])
    everybody = await rig.sessions.list(owner, everybody=True)
    assert {session.user_name for session in everybody} == {"ann", "bob"}
    assert await rig.sessions.list(owner) == []


async def test_the_session_that_was_idle_longest_goes_when_there_are_too_many(rig: Rig) -> None:
    ann = await rig.person("ann")
    first = await rig.sessions.begin(ann, "")
    for _ in range(MAX_PER_USER - 1):
        rig.clock.advance(1)
        await rig.sessions.begin(ann, "")
    assert rig.sessions.identify(first) is not None
    await rig.sessions.store_use()
    rig.clock.advance(1)
    newest = await rig.sessions.begin(ann, "")
    assert rig.sessions.identify(first) is not None
    assert rig.sessions.identify(newest) is not None
    assert len(await rig.rows()) == MAX_PER_USER == len(rig.sessions._by_id)


async def test_another_role_counts_in_sessions_that_are_open(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann", Role.MEMBER), "")
    rig.sessions.change_role("ann", Role.GUEST)
    assert identified(rig.sessions, token).scopes == ROLE_SCOPES[Role.GUEST]


async def test_nobody_gets_in_by_a_password_that_was_replaced_meanwhile(rig: Rig) -> None:
    ann = await rig.person("ann")
    await rig.users.set_password("ann", "another record", former="a record")
    with pytest.raises(Conflict):
        await rig.sessions.begin(ann, "")
    assert await rig.rows() == []


async def test_nobody_gets_in_who_was_disabled_meanwhile(rig: Rig) -> None:
    ann = await rig.person("ann")
    await rig.users.disable("ann", rig.clock.now_ms())
    with pytest.raises(Conflict):
        await rig.sessions.begin(ann, "")


async def test_a_session_that_the_disk_does_not_forget_is_over_all_the_same(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    identity = identified(rig.sessions, token)
    rig.db.halt("the disk is gone")
    with pytest.raises(StorageUnavailable):
        await rig.sessions.end(identity, session_of(identity))
    assert rig.sessions.identify(token) is None


async def test_a_use_that_could_not_be_stored_is_stored_later(rig: Rig) -> None:
    token = await rig.sessions.begin(await rig.person("ann"), "")
    await rig.sessions.store_use()
    rig.clock.advance(100)
    assert rig.sessions.identify(token) is not None
    rig.db.halt("the disk is gone")
    with pytest.raises(StorageUnavailable):
        await rig.sessions.store_use()
    assert rig.sessions._used == {session_of(identified(rig.sessions, token))}
