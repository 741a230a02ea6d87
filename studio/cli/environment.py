"""The settings of the environment, as every command but serve needs them."""

from __future__ import annotations

import os

from studio.cli.failures import EXIT_CONFIG, CommandFailed
from studio.errors import InvalidRequest
from studio.settings import Settings


def load_settings() -> Settings:
    """The settings.

    Raises:
        CommandFailed: a variable that cannot be used, by name.
    """
    try:
        return Settings.from_env(os.environ)
    except InvalidRequest as error:
        raise CommandFailed(error.message, reason="settings", exit_code=EXIT_CONFIG) from error
