"""Settings as they count: the environment's, else what was stored in Studio, else the defaults.

Secrets are written here and never shown; what needs one asks ``secret`` each time it needs it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.clients.token_owners import ServiceUnreachable, TokenOwners, TokenRefused
from studio.clock import Clock
from studio.errors import Conflict, NotFound, Unprocessable
from studio.logs import redaction
from studio.models import Identity, Record
from studio.settings import LIMITS, Secret, Settings
from studio.store.house_settings import SettingStore

NSFW: Final = "CIVITAI_NSFW"
TOKENS: Final = ("HF_TOKEN", "CIVITAI_API_KEY", "LANGUAGE_API_KEY", "TELEGRAM_BOT_TOKEN")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{6,512}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the owner sees it; of a secret only whether it is there."""

    key: str
    kind: str
    value: str | int | bool | None
    default: str | int | bool | None
    source: str
    """``env``, ``stored`` or ``default``."""
    is_set: bool
    write_only: bool = False
    editable: bool = False
    restart: bool = False
    """A change counts from Studio's next start on."""
    pending: bool = False
    """It was changed since Studio started."""
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class SettingGroup:
    id: str
    items: Sequence[Setting]


@dataclass(frozen=True, slots=True)
class TokenTest:
    """What became of asking a service: whose token it is, or why nobody can tell."""

    ok: bool
    account: str | None = None
    reason: str | None = None
    """``refused`` or ``unreachable``."""
    message: str = ""


class SettingsService:
    """Everything that can be set.

    Args:
        environment: the settings without what is stored.
        stored: what was stored when Studio started, by key.
        owners: who is asked about tokens.
    """

    def __init__(
        self,
        *,
        environment: Settings,
        store: SettingStore,
        stored: dict[str, str],
        owners: TokenOwners,
        clock: Clock,
        record: Record,
    ) -> None:
        self._environment = environment
        self._store = store
        self._stored = dict(stored)
        self._at_start = dict(stored)
        self._owners = owners
        self._clock = clock
        self._record = record
        for key in TOKENS:
            redaction.hide(f"stored {key}", stored.get(key))

    def secret(self, key: str) -> Secret | None:
        """A token as it counts now, ``None`` when there is none. Ask each time it is needed."""
        given = self._environment.secrets.get(key)
        if given is not None or key not in self._stored:
            return given
        return Secret(self._stored[key])

    def shows_nsfw(self) -> bool:
        """Whether pictures of Civitai may be shown that are not for everybody, as it counts now."""
        if NSFW in self._environment.given:
            return self._environment.models.shows_nsfw
        return self._stored.get(NSFW) == "1"

    def secrets(self) -> Sequence[str]:
        """Every secret of the house, those that are not in use too: for hiding them."""
        given = [secret.reveal() for secret in self._environment.secrets.values()]
        return [*given, *(self._stored[key] for key in TOKENS if key in self._stored)]

    # -- for the owner ----------------------------------------------------------------------------

    def groups(self) -> Sequence[SettingGroup]:
        """Every setting."""
        at, port = self._environment, self._environment.comfy_port
        return [
            SettingGroup("tokens", [self._token(key) for key in TOKENS]),
            SettingGroup("limits", [self._limit(key) for key in LIMITS]),
            SettingGroup("content", [self._nsfw()]),
            SettingGroup(
                "addresses",
                [
                    self._fixed("STUDIO_HOST", at.host),
                    self._fixed("STUDIO_PORT", at.port),
                    self._fixed("STUDIO_COMFY_PORT", port),
                    self._fixed("STUDIO_PUBLIC_URL", at.public_url),
                    self._fixed("STUDIO_COMFY_PUBLIC_URL", at.comfy_public_url),
                    self._fixed("STUDIO_TRUSTED_PROXIES", ", ".join(at.trusted_proxies) or None),
                ],
            ),
            SettingGroup(
                "folders",
                [
                    self._fixed("STUDIO_DIR", str(at.studio_dir)),
                    self._fixed("ENGINE_DIR", str(at.engine_dir)),
                    self._fixed("MODEL_DIR", str(at.model_dir)),
                ],
            ),
        ]

    def _source(self, key: str) -> str:
        if key in self._environment.given:
            return "env"
        return "stored" if key in self._stored else "default"

    def _token(self, key: str) -> Setting:
        return Setting(
            key=key,
            kind="secret",
            value=None,
            default=None,
            source=self._source(key),
            is_set=self.secret(key) is not None,
            write_only=True,
            editable=key not in self._environment.given,
        )

    def _limit(self, key: str) -> Setting:
        limit, source = LIMITS[key], self._source(key)
        now = int(getattr(self._environment, limit.field)) // limit.unit
        can_be_stored = limit.storable and source != "env"
        return Setting(
            key=key,
            kind="integer",
            value=int(self._stored[key]) if source == "stored" else now,
            default=limit.default,
            source=source,
            is_set=source != "default",
            editable=can_be_stored,
            restart=True,
            pending=can_be_stored and self._stored.get(key) != self._at_start.get(key),
            least=limit.least,
            most=limit.most,
        )

    def _nsfw(self) -> Setting:
        source = self._source(NSFW)
        return Setting(
            key=NSFW,
            kind="switch",
            value=self.shows_nsfw(),
            default=False,
            source=source,
            is_set=source != "default",
            editable=source != "env",
        )

    def _fixed(self, key: str, value: str | int | None) -> Setting:
        source = self._source(key)
        kind = "integer" if isinstance(value, int) else "text"
        return Setting(key, kind, value, None, source, source != "default", restart=True)

    def get(self, key: str) -> Setting:
        """One setting.

        Raises:
            NotFound: there is no such setting.
        """
        for group in self.groups():
            for item in group.items:
                if item.key == key:
                    return item
        raise NotFound("There is no such setting.")

    def _editable(self, key: str) -> Setting:
        setting = self.get(key)
        if not setting.editable:
            raise Conflict(f"{key} is set by the environment of Studio's machine, not here.")
        return setting

    async def put(self, identity: Identity, key: str, value: Any) -> Setting:
        """Store a setting.

        Raises:
            NotFound: there is no such setting.
            Conflict: it can be set by the environment alone, or is set there.
            Unprocessable: it does not take that value.
        """
        setting = self._editable(key)
        text = _checked(setting, value)
        await self._store.put(key, text, self._clock.now_ms())
        self._stored[key] = text
        if setting.write_only:
            redaction.hide(f"stored {key}", text)
            self._record(identity.user_id, "setting.changed", key)
        else:
            self._record(identity.user_id, "setting.changed", key, value=int(text))
        return self.get(key)

    async def delete(self, identity: Identity, key: str) -> Setting:
        """Forget what was stored; the default counts again.

        Raises:
            NotFound, Conflict: as ``put``.
        """
        self._editable(key)
        await self._store.delete(key)
        if self._stored.pop(key, None) is not None:
            self._record(identity.user_id, "setting.removed", key)
        return self.get(key)

    async def test(self, key: str) -> TokenTest:
        """Ask the service of a token whose it is.

        Raises:
            NotFound: that is no token.
            Conflict: none is set.
        """
        if key not in TOKENS:
            raise NotFound("There is no such token.")
        secret = self.secret(key)
        if secret is None:
            raise Conflict(f"No {key} is set.")
        try:
            return TokenTest(True, account=await self._owners.ask(key, secret.reveal()))
        except TokenRefused:
            return TokenTest(False, reason="refused", message="The service refuses this token.")
        except ServiceUnreachable as error:
            return TokenTest(
                False, reason="unreachable", message=f"The service cannot be asked: {error}."
            )


def _checked(setting: Setting, value: Any) -> str:
    """The value as it is stored; a refusal never repeats it."""
    if setting.kind == "secret":
        if not isinstance(value, str) or not _TOKEN.fullmatch(value.strip()):
            raise Unprocessable(
                "value must be a token: 6 to 512 visible characters without spaces.",
                details={"field": "value"},
            )
        return value.strip()
    if setting.kind == "switch":
        if not isinstance(value, bool):
            raise Unprocessable("value must be true or false.", details={"field": "value"})
        return "1" if value else "0"
    assert setting.least is not None
    assert setting.most is not None
    if type(value) is not int or not setting.least <= value <= setting.most:
        raise Unprocessable(
            f"value must be a whole number from {setting.least} to {setting.most}.",
            details={"field": "value"},
        )
    return str(value)
