"""Where Studio is started from, decided anew before each of its starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boot.releases import RELEASES, Choice, ReleaseUnusable, choose, find, switch


@dataclass(frozen=True)
class Volume:
    """What is needed to choose.

    Args:
        app_dir: the image's own copy of the application.
        runtime: ``RUNTIME_VERSION`` of the image.
    """

    studio_dir: Path
    app_dir: Path
    runtime: int


@dataclass(frozen=True)
class Launch:
    """The folder that Studio is started from this time, and why."""

    folder: Path
    choice: Choice

    @property
    def env(self) -> dict[str, str]:
        """What Studio is told of it."""
        return {
            "STUDIO_RELEASE": self.choice.release or "",
            "STUDIO_SAFE_MODE": self.choice.text if self.choice.safe_mode else "",
        }


def launch(volume: Volume, log: Callable[[str], None]) -> Launch:
    """Choose the folder for one start of Studio, and go back on the volume where that is due."""
    choice = choose(find(volume.studio_dir, runtime=volume.runtime))
    if choice.switch:
        try:
            switch(volume.studio_dir, choice.release)
        except (OSError, ReleaseUnusable) as error:
            # It is done again before the next start; what matters now is what runs.
            log(f"the volume does not take down which release runs: {error}")
    if choice.safe_mode:
        log(f"safe mode, the image's own copy runs: {choice.text}")
    elif choice.release is None:
        log(f"the image's own copy runs: {choice.text}")
    else:
        log(f"release {choice.release} runs")
    name = choice.release
    folder = volume.app_dir if name is None else volume.studio_dir / RELEASES / name
    return Launch(folder, choice)
