"""A volume that everybody may write to: no custom node's link there leads root elsewhere."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boot.descent import close_to_others, open_folder, planted_link
from tests.fakes.bootstrap_app import App
from tests.fakes.bootstrap_app import app as stub_app
from tests.fakes.bootstrap_family import wait_for
from tests.fakes.volumes import mounted
from tests.security.users import ENGINE_UID, STUDIO_UID


@pytest.fixture
def app() -> Iterator[App]:
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    with stub_app() as made:
        made.folder.chmod(0o755)
        volume(made).mkdir()
        volume(made).chmod(0o777)
        yield made


def volume(app: App) -> Path:
    return app.folder / "volume"


def start(app: App, **more: str) -> None:
    """One start of the container. Its children may be out of other users' reach, unlike folders."""
    names = ("STUDIO", "ENGINE", "MODEL", "CACHE", "LLM")
    folders = {f"{name}_DIR": str(volume(app) / name.lower()) for name in names}
    app.start(**{"STUDIO_IMAGE": "1", "STUDIO_ENGINE": "embedded", **folders, **more})
    wait_for((app.folder / "run" / "bootstrap.sock").exists, timeout_s=60)


def words(app: App) -> str:
    """What bootstrap said in its whole life."""
    assert app.process is not None
    app.process.terminate()
    said, _ = app.process.communicate(timeout=60)
    return said


def plant(link: Path, target: Path) -> None:
    """What a custom node would do between two starts."""
    link.symlink_to(target)
    os.chown(link, ENGINE_UID, ENGINE_UID, follow_symlinks=False)


def treasure(app: App) -> Path:
    """Something of root's elsewhere."""
    folder = app.folder / "elsewhere"
    (folder / "studio").mkdir(parents=True)
    (folder / "studio" / "key").write_text("root's")
    return folder


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


def test_a_node_cannot_put_a_folder_of_its_own_in_place_of_studios(app: App) -> None:
    start(app)
    assert volume(app).stat().st_mode & stat.S_ISVTX
    assert (volume(app) / "studio").stat().st_uid == STUDIO_UID
    move = f"""
import os
for name in ("studio", "models"):
    try:
        os.rename({str(volume(app))!r} + "/" + name, {str(volume(app))!r} + "/taken")
    except PermissionError:
        continue
    raise SystemExit(name)
os.mkdir({str(volume(app))!r} + "/own")
"""
    (volume(app) / "models").mkdir(exist_ok=True)
    done = subprocess.run(
        ("python3", "-c", move),
        user=ENGINE_UID,
        group=ENGINE_UID,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    # Whatever was allowed before still is.
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("studio", "belongs to the engines' user", id="in its place"),
        pytest.param("data", "cannot be prepared: it is a link", id="above it"),
    ],
)
def test_a_link_of_a_nodes_in_the_way_to_studios_folder_is_not_followed(
    app: App, name: str, why: str
) -> None:
    elsewhere = treasure(app)
    plant(volume(app) / name, elsewhere / "studio" if name == "studio" else elsewhere)
    start(app, STUDIO_DIR=str(volume(app) / ("studio" if name == "studio" else "data/studio")))
    assert owners(elsewhere) == {0}
    assert not (elsewhere / "studio" / "logs").exists()
    said = words(app)
    assert f"{volume(app) / name} {why}" in said
    assert "Studio explains that on its page" in said


def test_a_link_in_place_of_the_engines_folder_costs_the_engine_alone(app: App) -> None:
    elsewhere = treasure(app)
    plant(volume(app) / "engine", elsewhere)
    start(app)
    assert owners(elsewhere) == {0}
    assert (volume(app) / "studio").stat().st_uid == STUDIO_UID
    said = words(app)
    assert f"The engine's folder {volume(app) / 'engine'} cannot be prepared: it is a link" in said
    assert "Studio starts without an engine" in said


def test_a_folder_of_a_nodes_is_no_state_of_studios(app: App) -> None:
    planted = volume(app) / "studio"
    (planted / "releases").mkdir(parents=True)
    for path in (planted, planted / "releases"):
        os.chown(path, ENGINE_UID, ENGINE_UID)
    start(app)
    assert owners(planted) == {ENGINE_UID}
    assert f"{planted} belongs to the engines' user {ENGINE_UID}" in words(app)


def test_a_link_of_the_owners_is_followed(app: App) -> None:
    (app.folder / "large").mkdir()
    (volume(app) / "studio").symlink_to(app.folder / "large")
    start(app)
    assert (app.folder / "large").stat().st_uid == STUDIO_UID
    assert (app.folder / "large" / "logs").is_dir()


def test_links_are_judged_along_the_whole_way(tmp_path: Path) -> None:
    own = os.geteuid()
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "one").symlink_to("real")
    (tmp_path / "two").symlink_to(tmp_path / "one" / "deep")
    (tmp_path / "round").symlink_to("round")
    assert planted_link(tmp_path / "real" / "deep" / "new", own) is None
    assert planted_link(tmp_path / "two" / "new", own) == tmp_path / "two"
    assert planted_link(tmp_path / "real" / ".." / "one" / "new", own) == tmp_path / "one"
    assert planted_link(tmp_path / "two" / "new", own + 1) is None
    assert planted_link(tmp_path / "round" / "new", own + 1) is not None


def test_a_folder_is_made_on_the_way_and_a_file_or_link_on_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    folder = tmp_path / "a" / "b"
    handle = open_folder(folder, mode=0o700)
    assert os.path.samestat(os.fstat(handle), folder.stat())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    os.close(handle)
    for name, why in (("file", "Not a directory"), ("link", "is a link")):
        with pytest.raises(OSError, match=why) as refused:
            open_folder(tmp_path / name / "c", mode=0o700)
        assert refused.value.filename == str(tmp_path / name)


def test_a_volume_that_takes_no_sticky_bit_is_told_of(tmp_path: Path) -> None:
    with mounted(tmp_path, "ro,mode=0777"):
        assert not close_to_others(tmp_path)
