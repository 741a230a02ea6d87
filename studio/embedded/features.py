"""What this engine says it can do."""

from __future__ import annotations

from typing import Any

COMFYUI_VERSION = "0.33.0"
MAX_UPLOAD_BYTES = 100 * 1024 * 1024

SERVER_FEATURES: dict[str, Any] = {
    "supports_preview_metadata": True,
    "supports_model_type_tags": True,
    "max_upload_size": MAX_UPLOAD_BYTES,
    "extension": {"manager": {"supports_v4": True}},
    "node_replacements": True,
    "assets": False,
}
