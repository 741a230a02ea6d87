"""Every update and every check has an end that is told, whatever goes wrong in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from boot.arming import Trial, mark_good
from boot.releases import Version
from studio.clients.supervisor import Supervisor
from studio.clock import FrozenClock
from studio.errors import StudioError
from studio.models import Identity, Role
from studio.services.health import HealthService
from studio.services.update_image import ImageOffer
from studio.services.update_source import Candidate, Installed, UpdateSource
from studio.services.update_work import Site, UpdateWork
from studio.services.updates import UpdateService
from studio.store.db import Database
from studio.store.prefs import PrefStore
from studio.update_settings import UpdateSettings
from tests.fakes.release_repo import small_release
from tests.faults.harness import until

OLD, NEW = f"1.0.0-{'a' * 12}", f"1.1.0-{'b' * 12}"
MakeService = Callable[..., UpdateService]


class BrokenSource(UpdateSource):
    """A repository that nobody foresaw; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def find(self) -> Candidate:
        self.asked += 1
        raise ZeroDivisionError


@pytest.fixture
def owner() -> Identity:
    return Identity("u", Role.OWNER, frozenset())


@pytest.fixture
def service(tmp_path: Path, db: Database, clock: FrozenClock) -> MakeService:
    app = tmp_path / "app"
    for folder in (app, *(tmp_path / "releases" / name for name in (OLD, NEW))):
        for name, text in small_release("1.2.0").items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    mark_good(tmp_path, Trial(NEW, OLD, 3))

    def make(source: UpdateSource | None = None) -> UpdateService:
        settings = UpdateSettings(True, NEW, None, "main", None, 1, None)
        installed = Installed(tmp_path, NEW, Version("1.1.0", 1, {}), "b" * 12)
        site = Site(tmp_path, tmp_path / "run", tmp_path / "backups", app)
        prefs = PrefStore(db)
        return UpdateService(
            settings=settings,
            installed=installed,
            image=ImageOffer(
                Version("1.2.0", 1, {}),
                settings=settings,
                installed=installed,
                app_dir=app,
                source=source,
                prefs=prefs,
            ),
            site=site,
            source=source,
            check_hours=1,
            prefs=prefs,
            clock=clock,
            # Only what is rolled back is noted there.
            health=cast("HealthService", None),
            record=lambda *_, **__: None,
            trial=lambda: None,
            untried=None,
            make_work=lambda tell: UpdateWork(
                site=site,
                db=db,
                clock=clock,
                supervisor=cast("Supervisor", object()),
                tell=tell,
                engines=lambda: (),
            ),
        )

    return make


async def ended(service: UpdateService) -> dict[str, Any]:
    await until(lambda: service.status()["work"] is None, "the work has ended", within_s=120)
    failure: dict[str, Any] = service.status()["failure"]
    return failure


@pytest.mark.parametrize("kind", ["back", "image"])
async def test_a_disk_that_refuses_the_place_of_the_trial_is_told(
    service: MakeService, tmp_path: Path, kind: str, owner: Identity
) -> None:
    made = service()
    await made.open()
    (tmp_path / "run").write_text("no folder for sockets can be made in it")
    (made.go_back if kind == "back" else made.use_image)(owner)
    failure = await ended(made)
    assert (failure["step"], failure["code"]) == ("import", "storage_unavailable")


async def test_what_nobody_foresaw_ends_an_update_as_a_failure(
    service: MakeService, monkeypatch: pytest.MonkeyPatch, owner: Identity
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    made = service()
    await made.open()
    monkeypatch.setattr(UpdateWork, "_require_schema", broken)
    made.go_back(owner)
    failure = await ended(made)
    assert (failure["step"], failure["code"]) == ("import", "update_refused")
    assert "ZeroDivisionError" in failure["message"]


async def test_checks_go_on_after_one_that_nobody_foresaw(
    service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = BrokenSource()
    made = service(source)
    with pytest.raises(StudioError):
        await made.check()
    assert made.status()["check_error"]["details"] == {"reason": "unforeseen"}
    monkeypatch.setattr("studio.services.updates._FIRST_CHECK_S", 0.0)
    monkeypatch.setattr("studio.services.updates._HOUR_S", 0.01)
    task = asyncio.create_task(made.run())
    await until(lambda: source.asked > 3, "further checks", within_s=60)
    assert not task.done()
    task.cancel()
