"""Codes into the editor, and the visits that they begin: how they end, and whose they are."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from studio.clients.comfy import ComfyClient
from studio.clock import FrozenClock
from studio.errors import Forbidden
from studio.models import ALL_SCOPES, Identity, Role
from studio.services.dispatcher import WINDOW
from studio.services.editor import CODE_LIFE_S, MAX_CODES, MAX_VISITS, EditorService, NoEngine
from studio.services.engine import Engine, EngineListener, EngineState
from studio.services.tokens import digest
from studio.settings import EngineSetting
from studio.store.db import Database
from studio.store.editor import EditorStore
from studio.store.migrations import migrate
from studio.store.sessions import SessionStore


class Desk:
    """An editor service whose sessions end when a test says so."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = FrozenClock()
        self.ended: set[str | None] = set()
        self.engines: dict[str, Engine] = {}
        self.clients: list[ComfyClient] = []
        self.store = EditorStore(db)
        self.editor = self.service()

    def service(self) -> EditorService:
        """The service of another start, over the same rows."""
        return EditorService(
            store=self.store,
            engines=self.engines,
            listener=cast(EngineListener, None),
            is_live=lambda identity: identity.session_id not in self.ended,
            identity_of=lambda session_id, _: (
                None if session_id in self.ended else person(session_id or "")
            ),
            clock=self.clock,
        )

    async def enter(self, session_id: str = "s1") -> str:
        """The token of a new visit."""
        token = await self.editor.enter(self.editor.open(person(session_id)))
        assert token is not None
        return token

    def add(self, name: str, kind: str) -> None:
        setting = EngineSetting(name, kind, "http://127.0.0.1:1")
        client = ComfyClient(setting.url)
        self.clients.append(client)
        self.engines[name] = Engine(setting=setting, client=client, client_id="us")


def prepare(connection: sqlite3.Connection) -> None:
    """A schema with two sessions of the owner's."""
    migrate(connection)
    connection.executemany(
        "INSERT INTO sessions (id, token_hash, user_id, created_at, last_used_at, expires_at, "
        "client) VALUES (?1, ?1, 'owner', 0, 0, 0, '')",
        [("s1",), ("s2",)],
    )


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    db = Database(tmp_path / "studio.db")
    await db.open(prepare)
    made = Desk(db)
    made.add("far", "remote")
    yield made
    await made.editor.close()
    for client in made.clients:
        await client.close()
    await db.close()


def person(session_id: str = "s1", role: Role = Role.OWNER) -> Identity:
    return Identity("owner", role, ALL_SCOPES, session_id=session_id)


async def test_a_code_opens_one_visit(desk: Desk) -> None:
    code = desk.editor.open(person())
    token = await desk.editor.enter(code)
    assert token is not None and token != code
    visit = desk.editor.visit(token)
    assert visit is not None and visit.identity == person()
    assert await desk.editor.enter(code) is None
    assert await desk.editor.enter(token) is None
    assert desk.editor.visit(code) is None


async def test_a_code_is_of_no_use_after_its_time_or_its_session(desk: Desk) -> None:
    late, orphan = desk.editor.open(person("s1")), desk.editor.open(person("s2"))
    desk.ended.add("s2")
    assert await desk.editor.enter(orphan) is None
    desk.clock.advance(CODE_LIFE_S)
    assert await desk.editor.enter(late) is None


async def test_a_visit_ends_with_its_session_and_no_other_does(desk: Desk) -> None:
    tokens = [await desk.enter(name) for name in ("s1", "s2")]
    one, two = (desk.editor.visit(token) for token in tokens)
    assert one is not None and two is not None
    desk.ended.add("s1")
    assert not desk.editor.still_open(one) and desk.editor.still_open(two)
    assert desk.editor.visit(tokens[0]) is None and one.ended.is_set()
    desk.editor.end_session("s2")
    assert two.ended.is_set() and desk.editor.visit(tokens[1]) is None


@pytest.mark.parametrize("role", [Role.MEMBER, Role.GUEST])
async def test_nobody_but_the_owner_gets_a_code(desk: Desk, role: Role) -> None:
    with pytest.raises(Forbidden):
        desk.editor.open(person(role=role))


async def test_the_console_gets_no_code_because_nothing_would_end_its_visit(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        desk.editor.open(Identity("owner", Role.OWNER, ALL_SCOPES))


async def test_codes_and_visits_are_bounded_and_the_oldest_give_way(desk: Desk) -> None:
    codes = [desk.editor.open(person()) for _ in range(MAX_CODES + 1)]
    assert await desk.editor.enter(codes[0]) is None
    tokens = [await desk.enter() for _ in range(MAX_VISITS + 1)]
    assert desk.editor.visit(tokens[0]) is None
    assert desk.editor.visit(tokens[1]) is not None
    assert len(await desk.store.visits()) == MAX_VISITS


async def test_a_visit_outlives_a_restart_and_not_its_session(desk: Desk) -> None:
    tokens = [await desk.enter(name) for name in ("s1", "s2")]
    await SessionStore(desk.db).remove(["s2"])
    following = desk.service()
    await following.load()
    visit = following.visit(tokens[0])
    assert visit is not None and visit.identity == person("s1")
    assert following.visit(tokens[1]) is None
    following.end_session("s1")
    assert visit.ended.is_set() and following.visit(tokens[0]) is None


async def test_of_a_session_that_ended_while_studio_was_away_no_visit_is_left(desk: Desk) -> None:
    token = await desk.enter()
    desk.ended.add("s1")
    following = desk.service()
    await following.load()
    desk.ended.clear()
    assert following.visit(token) is None
    assert await desk.store.visits() == []


async def test_nobody_enters_by_a_session_whose_row_went_a_moment_ago(desk: Desk) -> None:
    code = desk.editor.open(person())
    await SessionStore(desk.db).remove(["s1"])
    assert await desk.editor.enter(code) is None
    assert await desk.store.visits() == []


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_of_a_visit_only_a_hash_is_written(desk: Desk, tmp_path: Path) -> None:
    token = await desk.enter()
    written = everything_in(tmp_path)
    assert digest(token).encode() in written and token.encode() not in written


async def test_the_editor_is_that_of_the_first_comfyui_of_this_machine(desk: Desk) -> None:
    desk.add("painter", "embedded")
    assert desk.editor.engine().name == "far"
    desk.add("near", "comfyui")
    assert desk.editor.engine().name == "near"


async def test_without_an_engine_there_is_no_editor(desk: Desk) -> None:
    desk.engines.clear()
    with pytest.raises(NoEngine):
        desk.editor.open(person())


async def test_a_long_line_of_the_editors_leaves_room_for_one_job_at_a_time(desk: Desk) -> None:
    engine = desk.engines["far"]
    engine.state = EngineState.READY
    for foreign, occupied, has_room in ((0, 1, True), (1, 1, False), (50, 0, True), (50, 1, False)):
        engine.foreign, engine.occupied = foreign, occupied
        assert engine.has_room(WINDOW) is has_room, (foreign, occupied)
