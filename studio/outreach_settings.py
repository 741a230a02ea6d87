"""Settings of what answers and tells: language models, the bot, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studio.addresses import base_url


@dataclass(frozen=True, slots=True)
class OutreachSettings:
    """What the environment says of them; docs/configuration.md has every variable."""

    language_url: str
    """A server that speaks OpenAI's protocol, without its ``/v1``; empty when there is none."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> OutreachSettings:
        """Read them.

        Raises:
            InvalidRequest: a value is not what its variable needs; the message names it.
        """
        named = environ.get("LANGUAGE_URL", "").strip()
        return cls(language_url=base_url(environ, "LANGUAGE_URL", "") if named else "")
