"""``studio serve`` that tells webhooks again after a tenth of a second instead of hours."""

from __future__ import annotations

import functools
import sys
from unittest import mock

from studio.cli.main import main
from studio.services.pace import Pace

HURRIED = functools.partial(Pace, webhook_waits_s=(0.1,) * 10_000, webhook_timeout_s=2.0)

if __name__ == "__main__":
    with mock.patch("studio.app.Pace", HURRIED):
        sys.exit(main(["serve"]))
