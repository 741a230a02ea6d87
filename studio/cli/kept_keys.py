"""Keys of Studios elsewhere that somebody logged in to, in a file that only they can read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Final

from studio.cli.failures import CommandFailed

_NAME: Final = "keys.json"
_MAX_BYTES: Final = 1 << 20


def kept_key(url: str) -> str | None:
    """The key of the Studio at an address, if somebody logged in to it."""
    return _read().get(_normal(url))


def keep_key(url: str, key: str) -> Path:
    """Keep a key in place of an earlier one; where it is now.

    Raises:
        CommandFailed: it cannot be written.
    """
    return _write({**_read(), _normal(url): key})


def forget_key(url: str) -> bool:
    """Forget a key; whether there was one.

    Raises:
        CommandFailed: it cannot be written.
    """
    keys = _read()
    if keys.pop(_normal(url), None) is None:
        return False
    _write(keys)
    return True


def _file() -> Path:
    # Others than absolute ones are to be ignored, says the XDG specification.
    given = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".config") / "studio" / _NAME


def _normal(url: str) -> str:
    return url.strip().rstrip("/").lower()


def _read() -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError), _file().open("rb") as file:
        found = json.loads(file.read(_MAX_BYTES))
        if isinstance(found, dict):
            return {url: key for url, key in found.items() if isinstance(key, str)}
    return {}


def _write(keys: dict[str, str]) -> Path:
    path = _file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # 0600 from its first moment, and whole whenever somebody looks.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_NAME}.")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(keys, file, indent=2)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandFailed(
            f"The key cannot be kept in {path}: {error.strerror}.", reason="not_kept"
        ) from error
    return path
