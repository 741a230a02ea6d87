"""What a program hears that waits for somebody to let it in, below ``StudioError``.

InvalidRequest
├── AuthorizationPending    400  authorization_pending
├── SlowDown                400  slow_down
├── ExpiredToken            400  expired_token
└── AccessDenied            400  access_denied

The codes and the status are those of RFC 8628, section 3.5.
"""

from __future__ import annotations

from studio.errors import InvalidRequest


class AuthorizationPending(InvalidRequest):
    """Nobody has decided yet: ask again after the interval."""

    code = "authorization_pending"


class SlowDown(InvalidRequest):
    """Asked sooner than the interval, which is five seconds longer from now on."""

    code = "slow_down"


class ExpiredToken(InvalidRequest):
    """Too late, used up, or never given out; which of them is not said."""

    code = "expired_token"


class AccessDenied(InvalidRequest):
    """Somebody said no."""

    code = "access_denied"
