"""Links to a file, a board or a preset's form, for people without an account."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.errors import Conflict, Forbidden, NotFound, StudioError, Unprocessable
from studio.models import Identity, Record, Role, Scope
from studio.services.assets import AssetService
from studio.services.boards import BoardService
from studio.services.passwords import Passwords, check_password
from studio.services.presets import PresetService
from studio.services.share_forms import ShareForms
from studio.services.tokens import digest, new_token
from studio.share_errors import ShareGone
from studio.store.shares import Kind, Share, ShareStore

DEFAULT_HOURS: Final = 7 * 24
MAX_HOURS: Final = 365 * 24
DEFAULT_RUNS_PER_HOUR: Final = 10
MAX_RUNS_PER_HOUR: Final = 1_000
MAX_RUNS_TOTAL: Final = 100_000
MAX_LABEL: Final = 120
MAX_SHARES: Final = 500
_START: Final = 6
_HOUR_MS: Final = 3_600_000
_STORE_EVERY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A link that somebody wants; ``fields`` of ``None`` is what is usually asked for."""

    kind: Kind
    target: str
    label: str = ""
    hours: int = DEFAULT_HOURS
    password: str | None = None
    with_recipe: bool = False
    with_previews: bool = True
    fields: tuple[str, ...] | None = None
    runs_per_hour: int = DEFAULT_RUNS_PER_HOUR
    runs_total: int | None = None


class ShareService:
    """Makes links, changes and withdraws them, and finds what one leads to.

    Args:
        record: told what people did.
    """

    def __init__(
        self,
        *,
        shares: ShareStore,
        forms: ShareForms,
        presets: PresetService,
        boards: BoardService,
        assets: AssetService,
        passwords: Passwords,
        clock: Clock,
        record: Record,
    ) -> None:
        self._shares = shares
        self._forms = forms
        self._presets = presets
        self._boards = boards
        self._assets = assets
        self._passwords = passwords
        self._clock = clock
        self._record = record
        self._opened: dict[str, tuple[int, int]] = {}

    async def list(self, identity: Identity) -> Sequence[Share]:
        """The caller's links, or everybody's for the owner; the newest first."""
        await self._store_opened()
        return await self._shares.list(_viewer(identity), self._clock.now_ms())

    async def create(self, identity: Identity, wish: Wish) -> tuple[Share, str]:
        """A new link, and its token, which is shown this once.

        Raises:
            Forbidden: a guest, or more runs an hour than the caller may allow.
            NotFound: the caller has nothing of that kind by that id.
            Unprocessable: something cannot be as it was said.
            Conflict: the caller has too many links.
        """
        require_sharer(identity)
        name = await self._name_of(identity, wish)
        fields = () if wish.kind != "preset" else await self._fields(identity, wish)
        _check_per_hour(identity, wish.runs_per_hour)
        _check_total(wish.runs_total)
        now_ms, token = self._clock.now_ms(), new_token()
        share = Share(
            id=new_id(),
            user_id=identity.user_id,
            kind=wish.kind,
            target=wish.target,
            label=_label(wish.label) or name[:MAX_LABEL],
            start=token[:_START],
            created_at=now_ms,
            expires_at=self._ends_at(wish.hours),
            runs_per_hour=wish.runs_per_hour,
            password=await self._hashed(wish.password),
            with_recipe=wish.with_recipe,
            with_previews=wish.with_previews,
            fields=tuple(fields),
            runs_total=wish.runs_total,
        )
        if not await self._shares.add(share, digest(token), MAX_SHARES):
            raise Conflict(f"You have {MAX_SHARES} links, which is the limit.")
        self._record(identity.user_id, "share.created", share.label, id=share.id, what=share.kind)
        return await self._shares.get(share.id, identity.user_id, now_ms), token

    async def update(self, identity: Identity, share_id: str, given: Mapping[str, Any]) -> Share:
        """Change what is given: ``label``, ``hours`` from now on, ``password``, ``fields``,
        ``with_recipe``, ``with_previews``, ``runs_per_hour``, ``runs_total``.

        Raises:
            NotFound: the caller has no such link.
            Conflict: it was withdrawn.
            Forbidden, Unprocessable: see ``create``.
        """
        require_sharer(identity)
        now_ms, viewer = self._clock.now_ms(), _viewer(identity)
        share = await self._shares.get(share_id, viewer, now_ms)
        if share.revoked_at is not None:
            raise Conflict("This link was withdrawn. Make another one.")
        changes = dict(given)
        if "label" in changes:
            changes["label"] = _label(changes["label"]) or share.label
        if "hours" in changes:
            changes["expires_at"] = self._ends_at(changes.pop("hours"))
        if "password" in changes:
            changes["password"] = await self._hashed(changes["password"])
        if "fields" in changes:
            wish = Wish(share.kind, share.target, fields=changes["fields"])
            maker = maker_of(share)
            changes["fields"] = () if share.kind != "preset" else await self._fields(maker, wish)
        # What the owner once allowed stays allowed when a member says it again.
        if changes.get("runs_per_hour", share.runs_per_hour) != share.runs_per_hour:
            _check_per_hour(identity, changes["runs_per_hour"])
        _check_total(changes.get("runs_total"))
        changed = await self._shares.update(share_id, viewer, changes, now_ms)
        self._record(identity.user_id, "share.changed", changed.label, id=share_id)
        return changed

    async def revoke(self, identity: Identity, share_id: str) -> None:
        """Withdraw a link: from now on it leads nowhere.

        Raises:
            NotFound: the caller has no such link.
        """
        now_ms, viewer = self._clock.now_ms(), _viewer(identity)
        share = await self._shares.get(share_id, viewer, now_ms)
        if share.revoked_at is None:
            await self._shares.update(share_id, viewer, {"revoked_at": now_ms}, now_ms)
            self._record(identity.user_id, "share.revoked", share.label, id=share_id)

    # -- for those who open one -------------------------------------------------------------------

    async def open(self, token: str) -> Share:
        """The link behind a token.

        Raises:
            ShareGone: it leads nowhere, for whatever reason.
        """
        share = await self._shares.find(digest(token), self._clock.now_ms())
        if share is None:
            raise ShareGone(
                "This link does not lead anywhere any more. Ask whoever sent it for another one."
            )
        return share

    def note_opened(self, share: Share) -> None:
        """Somebody came by it; counted in memory, and stored now and then."""
        count, _ = self._opened.get(share.id, (0, 0))
        self._opened[share.id] = (count + 1, self._clock.now_ms())

    async def run(self) -> None:
        """Store openings; runs until cancelled."""
        while True:
            await asyncio.sleep(_STORE_EVERY_S)
            with contextlib.suppress(StudioError):
                await self._store_opened()

    async def _store_opened(self) -> None:
        opened, self._opened = self._opened, {}
        if opened:
            await self._shares.note_opened(opened)

    # -- what is said of one ----------------------------------------------------------------------

    async def _name_of(self, identity: Identity, wish: Wish) -> str:
        if wish.kind == "asset":
            asset = await self._assets.get(identity, wish.target, own=True)
            if asset.trashed_at is not None:
                raise NotFound("This file is in the trash; restore it first.")
            if not asset.content_type.startswith(("image/", "video/")):
                raise Unprocessable(
                    "Only pictures and videos can be shared.", details={"field": "target"}
                )
            return asset.file_path.rpartition("/")[2]
        if wish.kind == "board":
            for board in await self._boards.list(identity):
                if board.id == wish.target:
                    return board.name
            raise NotFound("There is no such board.")
        preset = (await self._presets.get(identity, wish.target)).preset
        if preset.trashed_at is not None:
            raise NotFound("This preset is in the trash; restore it first.")
        return preset.name

    async def _fields(self, identity: Identity, wish: Wish) -> Sequence[str]:
        openings = await self._forms.openings(identity, wish.target)
        if wish.fields is None:
            return [each.id for each in openings if each.default]
        if unknown := set(wish.fields) - {each.id for each in openings}:
            raise Unprocessable(
                f"“{min(unknown)[:60]}” cannot be asked for on a shared page.",
                details={"field": "fields"},
            )
        chosen = {*wish.fields, *(each.id for each in openings if each.needed)}
        return [each.id for each in openings if each.id in chosen]

    def _ends_at(self, hours: int) -> int:
        if not 1 <= hours <= MAX_HOURS:
            raise Unprocessable(f"A link lasts 1 to {MAX_HOURS} hours.", details={"field": "hours"})
        return self._clock.now_ms() + hours * _HOUR_MS

    async def _hashed(self, password: str | None) -> str | None:
        if password is None:
            return None
        check_password(password)
        return await self._passwords.hash(password)


def maker_of(share: Share) -> Identity:
    """Who acts where a visitor does something by a link: its maker, who may run and read."""
    return Identity(share.user_id, share.user_role, frozenset({Scope.JOBS, Scope.ASSETS}))


def require_sharer(identity: Identity) -> None:
    """Refuse guests: what they see was lent to them.

    Raises:
        Forbidden.
    """
    if identity.role is Role.GUEST:
        raise Forbidden("Guests cannot share what they see here.")


def _viewer(identity: Identity) -> str | None:
    return None if identity.sees_all else identity.user_id


def _label(text: str) -> str:
    label = " ".join(text.split())
    if len(label) > MAX_LABEL or not label.isprintable():
        raise Unprocessable(
            f"A link's name has at most {MAX_LABEL} printable characters.",
            details={"field": "label"},
        )
    return label


def _check_per_hour(identity: Identity, per_hour: int) -> None:
    if not 1 <= per_hour <= MAX_RUNS_PER_HOUR:
        raise Unprocessable(
            f"runs_per_hour lies between 1 and {MAX_RUNS_PER_HOUR}.",
            details={"field": "runs_per_hour"},
        )
    if per_hour > DEFAULT_RUNS_PER_HOUR and identity.role is not Role.OWNER:
        raise Forbidden(
            f"Only the owner may allow more than {DEFAULT_RUNS_PER_HOUR} runs an hour.",
            details={"field": "runs_per_hour"},
        )


def _check_total(total: int | None) -> None:
    if total is not None and not 1 <= total <= MAX_RUNS_TOTAL:
        raise Unprocessable(
            f"runs_total lies between 1 and {MAX_RUNS_TOTAL}.", details={"field": "runs_total"}
        )
