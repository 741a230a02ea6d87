"""Where releases may come from, what a tree may hold, and what is read of their texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.clients.git import Git
from studio.errors import UpdateRefused
from studio.services.update_source import changes, order
from studio.store.release_tree import parse_tree


@pytest.mark.parametrize(
    "url",
    [
        "file:///srv/studio.git",
        "/srv/studio.git",
        "ssh://git@example.org/studio.git",
        "git@example.org:studio.git",
        "ext::sh -c touch% /tmp/harm",
        "https://user:secret@example.org/studio.git",
        "http://example.org/studio.git",
        "git://127.0.0.1:1/studio.git",
        "--upload-pack=touch harm",
    ],
)
def test_nothing_is_fetched_from_places_that_are_not_safe(url: str, tmp_path: Path) -> None:
    git = Git(tmp_path / ".repo", url, allow=("127.0.0.1:2", "nas.local"))
    for ask in (lambda: git.refs(("refs/heads/main",)), lambda: git.fetch("refs/heads/main")):
        with pytest.raises(UpdateRefused) as refused:
            ask()
        assert refused.value.details == {"reason": "repository"}
        assert "secret" not in refused.value.message
    assert not (tmp_path / ".repo").exists()


@pytest.mark.parametrize("name", ["..", ".", "", ".git", ".GIT", "a/b", "a\\b", "C:x", "a\nb"])
def test_a_tree_with_a_name_that_leads_elsewhere_is_none(name: str) -> None:
    with pytest.raises(UpdateRefused):
        parse_tree(b"100644 " + name.encode() + b"\0" + bytes(20), 20)


@pytest.mark.parametrize("data", [b"100644", b"100644 a", b"100644 a\0" + bytes(19), b"a\0b"])
def test_a_tree_that_is_cut_short_is_none(data: bytes) -> None:
    with pytest.raises(UpdateRefused):
        parse_tree(data, 20)


def test_changes_are_what_is_newer_than_the_version_that_runs() -> None:
    log = "# Log\n\n## [1.2.0]\n\n- two\n\n## [1.1.0]\n\n- one\n\n## [1.0.0]\n\n- first\n"
    assert changes(log, "1.0.0", None) == "## [1.2.0]\n\n- two\n\n## [1.1.0]\n\n- one"
    assert changes(log, "1.2.0", None) == ""
    assert changes("## [Unreleased]\n- soon\n## [1.0.0]\n", "1.0.0", None).endswith("- soon")
    assert changes(log + "- another\n", "1.2.0", log) == "- another"


def test_versions_are_ordered_by_their_numbers() -> None:
    versions = [
        "0.9", "1.0.0-7", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc.1",
        "1.0.0-rc.9", "1.0.0-rc.10", "1.0.0-rc11", "1.0.0", "1.2.0-rc.1", "1.2.0", "1.10.0",
        "2.0.0",
    ]  # fmt: skip
    assert sorted(set(versions), key=order) == versions
    assert order("1.0") == order("v1.0.0+build.5")


def test_a_version_of_thousands_of_digits_is_only_a_version() -> None:
    assert order("9" * 9000) > order("1.0.0")
    assert changes(f"## [{'9' * 9000}]\n- much\n", "1.0.0", None).endswith("- much")
