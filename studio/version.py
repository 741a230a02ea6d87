"""The version of record, from ``version.json`` beside the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

VERSION: Final[str] = json.loads(
    (Path(__file__).resolve().parent.parent / "version.json").read_text(encoding="utf-8")
)["version"]
