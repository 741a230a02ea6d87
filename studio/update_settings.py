"""What the environment says of updates: where releases come from, and whose word counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boot
from studio.errors import InvalidRequest

_REF: Final = re.compile(r"(?!-)(?!.*(?:\.\.|//|@\{))[0-9A-Za-z][0-9A-Za-z._/+*-]{0,199}")

IMAGE_SIGNERS: Final = Path(boot.__file__).resolve().parents[1] / "image" / "allowed_signers"
"""Of the image's own copy, which is where ``boot`` always comes from."""


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """``release`` is the one on the volume that runs now; ``None`` is the image's own copy.

    ``is_managed`` says that bootstrap chooses releases: so it is in the image, and nowhere else.
    """

    is_managed: bool
    release: str | None
    repo_url: str | None
    repo_ref: str
    """A branch, a tag, tags such as ``v*`` (the newest version of them), or a whole commit."""
    signers: Path | None
    """An allowed-signers file of ssh: only tags that one of them signed are taken.

    An image that was built with one has it used unless another is given.
    """
    runtime: int
    commit: str | None
    """What the image's own copy was made from, if it says so."""
    committed_at: int | None = None
    """When that was committed, in unix seconds, if it says so."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> UpdateSettings:
        """Read them.

        Raises:
            InvalidRequest: REPO_REF is no name of a branch, a tag or a commit.
        """
        ref = environ.get("REPO_REF", "").strip() or "main"
        if not _REF.fullmatch(ref) or ref.count("*") > 1:
            raise InvalidRequest("REPO_REF must be a branch, a tag, tags like v*, or a commit.")
        is_managed = "STUDIO_RELEASE" in environ
        signers = environ.get("REPO_SIGNERS", "").strip()
        if not signers and is_managed and IMAGE_SIGNERS.exists():
            signers = str(IMAGE_SIGNERS)
        return cls(
            is_managed=is_managed,
            release=environ.get("STUDIO_RELEASE") or None,
            repo_url=environ.get("REPO_URL", "").strip() or None,
            repo_ref=ref,
            signers=Path(signers).expanduser() if signers else None,
            runtime=_number(environ, "RUNTIME_VERSION") or 0,
            commit=environ.get("STUDIO_COMMIT", "").strip().lower() or None,
            committed_at=_number(environ, "STUDIO_COMMITTED_AT"),
        )


def _number(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None
