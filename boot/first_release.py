"""The first release of a volume: the image's own copy of the application, put on the volume.

Bootstrap runs it beside Studio, as Studio's user: ``python -m boot.first_release STUDIO_DIR APP_DIR
[COMMIT]``. Studio itself starts from the image's copy at once and from the release the next time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from boot.releases import PARTS, ReleaseUnusable, names, read_current, read_version, release_name
from boot.releases import switch as switch_to
from boot.staging import StagingBusy, publish, staging

_VERSION_FILE: Final = "version.json"
_STAGED: Final = ".image"
_NICE: Final = 10


def is_due(studio_dir: Path) -> bool:
    """The volume has no release that it says it runs. A link that leads nowhere is not ours."""
    try:
        return read_current(studio_dir) is None
    except ReleaseUnusable:
        return False


def stage_copy(studio_dir: Path, app_dir: Path, commit: str | None = None) -> str:
    """Make ``app_dir`` a release, unless it is one already; ``current`` stays as it is.

    Args:
        commit: what ``app_dir`` was made from; without it a digest of the files takes its place.

    Returns:
        The name of the release.

    Raises:
        ReleaseUnusable: ``app_dir`` is no whole copy of the application.
        StagingBusy: another release is being made.
        OSError: the volume refuses.
    """
    name = copy_name(app_dir, commit)
    with staging(studio_dir) as folder:
        if name not in names(studio_dir):
            staged = folder / _STAGED
            for part in PARTS:
                (staged / part).mkdir(parents=True)
            for source in _files(app_dir):
                target = staged / source.relative_to(app_dir)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target, follow_symlinks=False)
            publish(staged, name)
    return name


def copy_name(app_dir: Path, commit: str | None = None) -> str:
    """The release that ``stage_copy`` would make.

    Raises:
        ReleaseUnusable, OSError: ``app_dir`` is no whole copy of the application.
    """
    return release_name(read_version(app_dir).version, commit or _digest(app_dir))


def _files(app_dir: Path) -> Iterator[Path]:
    """What belongs to a release, in order: no link, and nothing that Python made itself."""
    for part in PARTS:
        if not (app_dir / part).is_dir():
            raise ReleaseUnusable(f"{app_dir} has no folder {part}.")
        for folder, folders, files in os.walk(app_dir / part):
            folders[:] = sorted(set(folders) - {"__pycache__"})
            for file in sorted(files):
                path = Path(folder, file)
                if path.is_symlink() or not path.is_file():
                    raise ReleaseUnusable(f"{path} is no plain file.")
                yield path
    yield app_dir / _VERSION_FILE


def _digest(app_dir: Path) -> str:
    whole = hashlib.sha256()
    for path in _files(app_dir):
        name = os.fsencode(path.relative_to(app_dir))
        whole.update(b"%d %s %d\n" % (len(name), name, path.stat().st_size))
        whole.update(path.read_bytes())
    return whole.hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Stage and switch; what cannot be done now is done at the next start."""
    studio_dir, app_dir = (Path(argument) for argument in arguments[:2])
    commit = arguments[2] if len(arguments) > 2 else None
    # The page that opens for the first time comes first.
    os.nice(_NICE)
    os.umask(0o022)
    try:
        name = stage_copy(studio_dir, app_dir, commit)
        if is_due(studio_dir):
            switch_to(studio_dir, name)
    except (OSError, ReleaseUnusable, StagingBusy) as error:
        print(f"The image's copy was not put on the volume: {error}", flush=True)
        return 1
    print(f"Release {name} is on the volume and runs from the next start on.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
