"""Refusals of links that strangers open, below ``StudioError``.

StudioError
├── NotFound
│   └── ShareGone           404  share_gone
├── Forbidden
│   ├── ShareLocked         403  share_locked
│   └── WrongSharePassword  403  wrong_share_password
└── TooManyRequests
    └── ShareUsedUp         429  share_used_up
"""

from __future__ import annotations

from studio.errors import Forbidden, NotFound, TooManyRequests


class ShareGone(NotFound):
    """It ended, was withdrawn, leads nowhere, or never was: which of them is not said."""

    code = "share_gone"


class ShareLocked(Forbidden):
    """A visit has to be begun first, with the password if there is one."""

    code = "share_locked"


class WrongSharePassword(Forbidden):
    code = "wrong_share_password"


class ShareUsedUp(TooManyRequests):
    """All the runs that it ever allows were started; no waiting helps."""

    code = "share_used_up"
