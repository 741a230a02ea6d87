"""Where bootstrap starts Studio from, in the image: its own copy, or a release on the volume."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boot.releases import FAILED_STARTS, names, read_current, switch
from tests.fakes.bootstrap_app import App
from tests.fakes.bootstrap_app import app as stub_app
from tests.fakes.bootstrap_family import wait_for

IMAGE = {
    "STUDIO_IMAGE": "1",
    "STUDIO_UID": "0",
    "STUDIO_ENGINE": "embedded",
    "RUNTIME_VERSION": "1",
}


@pytest.fixture
def app() -> Iterator[App]:
    with stub_app() as made:
        yield made


def start(app: App, *, within_s: float = 15.0, **more: str) -> dict[str, Any]:
    """One life of the container: what its Studio was given."""
    (app.folder / "studio.json").unlink(missing_ok=True)
    folders = {
        name: str(app.folder / name.lower())
        for name in ("ENGINE_DIR", "MODEL_DIR", "CACHE_DIR", "LLM_DIR")
    }
    app.start(**{**IMAGE, **folders, **more})
    return app.facts("studio", timeout_s=within_s)


def staged(app: App) -> str:
    """The release of a first start, as soon as ``current`` names it."""
    return wait_for(lambda: read_current(app.folder / "data"))


def make_release(app: App, name: str, *, min_runtime: int = 1) -> Path:
    """A second release on the volume; ``current`` names it."""
    data = app.folder / "data"
    folder = data / "releases" / name
    for part in ("studio", "frontend", "catalogs", "workflows"):
        shutil.copytree(app.app / part, folder / part)
    said = json.loads((app.app / "version.json").read_text()) | {"min_runtime": min_runtime}
    (folder / "version.json").write_text(json.dumps(said))
    switch(data, name)
    return folder


def test_the_first_start_runs_the_images_copy_and_the_second_the_release(app: App) -> None:
    first = start(app, STUDIO_COMMIT="0123456789abcdef")
    name = staged(app)
    app.end()
    second = start(app, STUDIO_COMMIT="0123456789abcdef")

    assert first["cwd"] == str(app.app)
    assert (first["environ"]["STUDIO_RELEASE"], first["environ"]["STUDIO_SAFE_MODE"]) == ("", "")
    assert name == "0.1.0-0123456789ab"
    assert second["cwd"] == str(app.folder / "data" / "releases" / name)
    assert second["environ"]["STUDIO_RELEASE"] == name
    # What a release imports of bootstrap's is the image's.
    assert second["environ"]["PYTHONPATH"] == str(app.app)
    assert names(app.folder / "data") == (name,)


def test_the_release_holds_every_part_and_only_what_was_compiled_for_it(app: App) -> None:
    (app.app / "studio" / "__pycache__").mkdir()
    (app.app / "studio" / "__pycache__" / "old.pyc").touch()
    (app.app / "workflows" / "one").mkdir()
    (app.app / "workflows" / "one" / "manifest.yaml").write_text("name: one")
    (app.app / "catalogs" / "models.json").write_text("{}")
    start(app)

    release = app.folder / "data" / "releases" / staged(app)
    assert (release / "workflows" / "one" / "manifest.yaml").read_text() == "name: one"
    assert (release / "catalogs" / "models.json").read_text() == "{}"
    assert (release / "studio" / "__main__.py").is_file()
    # What it has of the kind was compiled for it.
    compiled = {path.name.partition(".")[0] for path in (release / "studio").rglob("*.pyc")}
    assert compiled == {"__init__", "__main__"}
    assert not (release / "boot").exists()
    assert (release / "version.json").read_text() == (app.app / "version.json").read_text()


def test_what_the_user_added_is_not_touched(app: App) -> None:
    own = app.folder / "data" / "catalogs" / "models.json"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    start(app)
    staged(app)
    assert own.read_text() == "mine"


def test_a_staging_that_was_killed_is_done_again_at_the_next_start(app: App) -> None:
    half = app.folder / "data" / "releases" / ".image" / "studio"
    half.mkdir(parents=True)
    (half / "half.py").touch()
    start(app)
    name = staged(app)
    assert names(app.folder / "data") == (name,)
    assert not half.exists()
    assert not (app.folder / "data" / "releases" / name / "studio" / "half.py").exists()


def test_an_image_copy_with_a_link_in_it_becomes_no_release(app: App) -> None:
    (app.app / "frontend" / "passwd").symlink_to("/etc/passwd")
    start(app)
    log = app.folder / "data" / "logs" / "staging.log"
    wait_for(lambda: log.exists() and "no plain file" in log.read_text())
    assert read_current(app.folder / "data") is None


def lead_elsewhere(release: Path) -> None:
    link = release.parents[1] / "current"
    link.unlink()
    link.symlink_to("/etc")


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        pytest.param(lambda release: shutil.rmtree(release), "not on the volume", id="gone"),
        pytest.param(
            lambda release: (release / "version.json").write_bytes(b"\0"), "JSON", id="garbage"
        ),
        pytest.param(lambda release: shutil.rmtree(release / "studio"), "studio", id="half"),
        pytest.param(lead_elsewhere, "current", id="link elsewhere"),
    ],
)
def test_a_volume_that_is_damaged_starts_the_images_copy_in_safe_mode(
    app: App, damage: Any, word: str
) -> None:
    damage(make_release(app, "9.0.0-aaaaaaaaaaaa"))
    facts = start(app)
    assert facts["cwd"] == str(app.app)
    assert word in facts["environ"]["STUDIO_SAFE_MODE"]
    assert facts["environ"]["STUDIO_RELEASE"] == ""


def test_a_release_for_a_newer_image_is_not_started_by_an_older_one(app: App) -> None:
    make_release(app, "9.0.0-aaaaaaaaaaaa", min_runtime=2)
    facts = start(app)
    assert facts["cwd"] == str(app.app)
    assert "RUNTIME_VERSION 2" in facts["environ"]["STUDIO_SAFE_MODE"]
    app.end()
    assert start(app, RUNTIME_VERSION="2")["environ"]["STUDIO_RELEASE"] == "9.0.0-aaaaaaaaaaaa"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda main: main.write_text("import boot.gone"), id="import"),
        pytest.param(lambda main: main.write_bytes(b"\0"), id="garbage"),
    ],
)
def test_a_release_that_was_good_and_starts_no_more_gives_way_to_the_images_copy(
    app: App, damage: Any
) -> None:
    damage(make_release(app, "9.0.0-aaaaaaaaaaaa") / "studio" / "__main__.py")
    facts = start(app, within_s=180)
    assert facts["cwd"] == str(app.app)
    assert "9.0.0-aaaaaaaaaaaa ended early" in facts["environ"]["STUDIO_SAFE_MODE"]
    # The owner finds it as it was.
    assert read_current(app.folder / "data") == "9.0.0-aaaaaaaaaaaa"


def test_a_release_whose_container_is_started_again_and_again_gives_way_too(app: App) -> None:
    make_release(app, "9.0.0-aaaaaaaaaaaa")
    for _ in range(FAILED_STARTS):
        assert start(app)["environ"]["STUDIO_RELEASE"] == "9.0.0-aaaaaaaaaaaa"
        assert app.process is not None
        app.process.kill()
        app.process.communicate(timeout=60)
    facts = start(app)
    assert facts["cwd"] == str(app.app)
    assert "9.0.0-aaaaaaaaaaaa ended early 5 times" in facts["environ"]["STUDIO_SAFE_MODE"]


def test_a_checkout_is_run_as_it_is(app: App) -> None:
    make_release(app, "9.0.0-aaaaaaaaaaaa")
    app.start(STUDIO_ENGINE="embedded")
    facts = app.facts("studio")
    assert facts["cwd"] == str(app.app)
    assert "STUDIO_RELEASE" not in facts["environ"]
