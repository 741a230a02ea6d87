"""Codes into the editor, and the visits that they begin: how they end, and whose they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest

from studio.clients.comfy import ComfyClient
from studio.clock import FrozenClock
from studio.errors import Forbidden
from studio.models import ALL_SCOPES, Identity, Role
from studio.services.dispatcher import WINDOW
from studio.services.editor import CODE_LIFE_S, MAX_CODES, MAX_VISITS, EditorService, NoEngine
from studio.services.engine import Engine, EngineListener, EngineState
from studio.settings import EngineSetting


class Desk:
    """An editor service whose sessions end when a test says so."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.ended: set[str | None] = set()
        self.engines: dict[str, Engine] = {}
        self.editor = EditorService(
            engines=self.engines,
            listener=cast(EngineListener, None),
            is_live=lambda identity: identity.session_id not in self.ended,
            clock=self.clock,
        )

    def add(self, name: str, kind: str) -> None:
        setting = EngineSetting(name, kind, "http://127.0.0.1:1")
        client = ComfyClient(setting.url)
        self.engines[name] = Engine(setting=setting, client=client, client_id="us")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    made.add("far", "remote")
    yield made
    await made.editor.close()
    for engine in made.engines.values():
        await engine.client.close()


def person(session_id: str = "s1", role: Role = Role.OWNER) -> Identity:
    return Identity("owner", role, ALL_SCOPES, session_id=session_id)


async def test_a_code_opens_one_visit(desk: Desk) -> None:
    code = desk.editor.open(person())
    token = desk.editor.enter(code)
    assert token is not None and token != code
    visit = desk.editor.visit(token)
    assert visit is not None and visit.identity == person()
    assert desk.editor.enter(code) is None
    assert desk.editor.enter(token) is None
    assert desk.editor.visit(code) is None


async def test_a_code_is_of_no_use_after_its_time_or_its_session(desk: Desk) -> None:
    late, orphan = desk.editor.open(person("s1")), desk.editor.open(person("s2"))
    desk.ended.add("s2")
    assert desk.editor.enter(orphan) is None
    desk.clock.advance(CODE_LIFE_S)
    assert desk.editor.enter(late) is None


async def test_a_visit_ends_with_its_session_and_no_other_does(desk: Desk) -> None:
    tokens = [desk.editor.enter(desk.editor.open(person(name))) or "" for name in ("s1", "s2")]
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
    assert desk.editor.enter(codes[0]) is None
    tokens = [desk.editor.enter(desk.editor.open(person())) or "" for _ in range(MAX_VISITS + 1)]
    assert desk.editor.visit(tokens[0]) is None
    assert desk.editor.visit(tokens[1]) is not None


async def test_the_editor_is_that_of_the_first_comfyui_of_this_machine(desk: Desk) -> None:
    desk.add("painter", "embedded")
    assert desk.editor.engine().name == "far"
    desk.add("near", "comfyui")
    assert desk.editor.engine().name == "near"


async def test_without_an_engine_there_is_no_editor() -> None:
    with pytest.raises(NoEngine):
        Desk().editor.open(person())


async def test_a_long_line_of_the_editors_leaves_room_for_one_job_at_a_time(desk: Desk) -> None:
    engine = desk.engines["far"]
    engine.state = EngineState.READY
    for foreign, occupied, has_room in ((0, 1, True), (1, 1, False), (50, 0, True), (50, 1, False)):
        engine.foreign, engine.occupied = foreign, occupied
        assert engine.has_room(WINDOW) is has_room, (foreign, occupied)
