"""A volume with two releases.

Whoever needs the fixture imports it under its own name (`volume as volume`): pytest finds it there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from boot.launch import Volume
from boot.releases import PARTS, switch
from tests.fakes.release_repo import version_text

OLD, NEW = "1.0.0-aaaaaaaaaaaa", "1.1.0-bbbbbbbbbbbb"


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """Two releases, of which the old one runs."""
    for name in (OLD, NEW):
        for part in PARTS:
            (tmp_path / "releases" / name / part).mkdir(parents=True)
        text = version_text(name.partition("-")[0])
        (tmp_path / "releases" / name / "version.json").write_text(text)
    switch(tmp_path, OLD)
    return Volume(tmp_path, tmp_path / "app", runtime=1)
