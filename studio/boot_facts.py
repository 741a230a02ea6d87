"""What bootstrap tells Studio of this start: which copy runs, why, and how the volume is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BootFacts:
    """Everything is empty for a Studio that no bootstrap started.

    Attributes:
        release: the release that runs; empty for the image's own copy or a checkout.
        safe_mode: why the image's own copy runs though the volume has a release.
        volume_fault: why there is nothing that Studio could work on.
        warnings: sentences for the owner, such as that the volume is slow.
        began_at: when the whole start began, by the monotonic clock; None when only Studio was
            started again.
        phases: what came before Studio's own start, and how many seconds each took.
        listeners: the handles of both ports, which bootstrap holds open over all starts.
        read_at: when Studio read this, which is as soon as its program was loaded.
    """

    release: str = ""
    safe_mode: str = ""
    volume_fault: str = ""
    warnings: tuple[str, ...] = ()
    began_at: float | None = None
    phases: tuple[tuple[str, float], ...] = ()
    listeners: tuple[int, ...] = ()
    read_at: float = field(default_factory=time.monotonic)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> BootFacts:
        """Read what bootstrap set; only bootstrap sets it, so it is not judged again."""
        said = json.loads(environ.get("STUDIO_BOOT") or "{}")
        began_at, *phases = json.loads(environ.get("STUDIO_PHASES") or "[null]")
        return cls(
            release=environ.get("STUDIO_RELEASE", ""),
            safe_mode=environ.get("STUDIO_SAFE_MODE", ""),
            volume_fault=said.get("volume_fault", ""),
            warnings=tuple(said.get("warnings", ())),
            began_at=began_at,
            phases=tuple((name, float(seconds)) for name, seconds in phases),
            listeners=tuple(
                int(each) for each in environ.get("STUDIO_LISTENERS", "").split(",") if each
            ),
        )

    @property
    def notices(self) -> list[str]:
        """What the owner is told for as long as this Studio runs."""
        safe = [f"Safe mode: {self.safe_mode} The image's own copy runs."] if self.safe_mode else []
        return [*safe, *self.warnings]
