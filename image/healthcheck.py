"""Exit status 0 when Studio answers on its port: Docker's HEALTHCHECK."""

from __future__ import annotations

import http.client
import os
import sys

_HERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Where to ask when Studio listens everywhere."""


def main() -> int:
    host = os.environ.get("STUDIO_HOST", "").strip()
    port = int(os.environ.get("STUDIO_PORT", "").strip() or 8000)
    connection = http.client.HTTPConnection(_HERE.get(host, host), port, timeout=4)
    try:
        connection.request("GET", "/health")
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
