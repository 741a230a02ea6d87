"""What the owner does about people: invites, renames, shuts out, helps with a lost password."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import Conflict, StudioError, Unprocessable
from studio.models import OWNER_ID, Record, Role, unrecorded
from studio.services.auth import AuthService
from studio.services.names import checked_name, key_of
from studio.services.sessions import SessionService
from studio.services.tokens import digest, new_token
from studio.settings import DAY_MS
from studio.store.invitations import Invitation, InvitationStore, LinkKind
from studio.store.users import User, UserStore

MAX_HOURS: Final = 720
WAY_IN_MS: Final = 900_000
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """A link that was just made; its token is shown this once."""

    link: Invitation
    token: str

    def address(self, base: str) -> str:
        """Where to open it. The token is in the fragment, which no server and no log sees."""
        page = "setup" if self.link.kind == "setup" else "join"
        return f"{base}/#/{page}/{self.token}"


class PeopleService:
    """Users and the links that make or mend them."""

    def __init__(
        self,
        *,
        users: UserStore,
        links: InvitationStore,
        sessions: SessionService,
        auth: AuthService,
        clock: Clock,
        record: Record = unrecorded,
    ) -> None:
        self._users = users
        self._record = record
        self._links = links
        self._sessions = sessions
        self._auth = auth
        self._clock = clock

    async def list(self) -> Sequence[User]:
        """Everybody, the owner first, with the time they were last seen."""
        return [self._seen(user) for user in await self._users.all()]

    async def get(self, user_id: str) -> User:
        """One user.

        Raises:
            NotFound: there is no such user.
        """
        return self._seen(await self._users.get(user_id))

    def _seen(self, user: User) -> User:
        return replace(user, last_seen_at=self._sessions.last_seen(user.id) or user.last_seen_at)

    async def update(
        self, user_id: str, *, name: str | None, role: Role | None, disabled: bool | None
    ) -> User:
        """Change what is given of a user.

        Raises:
            NotFound: there is no such user.
            Conflict: the owner cannot be shut out, and there is exactly one.
            Unprocessable, NameTaken: the name cannot be had.
        """
        user = await self._users.get(user_id)
        if role is Role.OWNER and user_id != OWNER_ID:
            raise Unprocessable("A role is member or guest; Studio has one owner.")
        if user_id == OWNER_ID and (disabled or role not in (None, Role.OWNER)):
            raise Conflict("The owner stays the owner and cannot be disabled.")
        if name is not None:
            clean = checked_name(name, user_id)
            await self._users.rename(user_id, clean, key_of(clean))
            self._tell("user.renamed", user.name, name=clean)
        if role is not None and role is not user.role:
            await self._users.change_role(user_id, role)
            self._sessions.change_role(user_id, role)
            await self._auth.reload()
            self._tell("user.role_changed", user.name, role=role)
        if disabled:
            await self._disable(user_id)
            self._tell("user.disabled", user.name)
        elif disabled is not None:
            await self._users.enable(user_id)
            self._tell("user.enabled", user.name)
        return self._seen(await self._users.get(user_id))

    def _tell(self, kind: str, subject: str, **data: str) -> None:
        """Only the owner does any of this."""
        self._record(OWNER_ID, kind, subject, **data)

    async def _disable(self, user_id: str) -> None:
        try:
            await self._users.disable(user_id, self._clock.now_ms())
        finally:
            # Also when the disk refuses: until the next start nothing of theirs opens anything.
            self._sessions.forget_user(user_id)
            self._auth.forget_user(user_id)

    async def sign_out(self, user_id: str) -> None:
        """End all sessions of a user; what they log in with stays.

        Raises:
            NotFound: there is no such user.
        """
        user = await self._users.get(user_id)
        await self._sessions.end_all(user_id)
        self._tell("user.signed_out", user.name)

    # -- links ------------------------------------------------------------------------------------

    async def invite(self, role: Role, hours: int) -> OneTimeLink:
        """A link that lets one new person in.

        Raises:
            Unprocessable: nobody is invited as an owner, or for that long.
        """
        if role is Role.OWNER:
            raise Unprocessable("An invitation is for a member or a guest; Studio has one owner.")
        if not 1 <= hours <= MAX_HOURS:
            raise Unprocessable(f"An invitation lasts 1 to {MAX_HOURS} hours.")
        made = await self._make("invitation", role, None, hours * _HOUR_MS)
        self._tell("invitation.created", role)
        return made

    async def invitations(self) -> Sequence[Invitation]:
        """Invitations that can still be used, the newest first."""
        return await self._links.open(self._clock.now_ms())

    async def withdraw(self, invitation_id: str) -> None:
        """End an invitation.

        Raises:
            NotFound: there is no such invitation, or it was used.
        """
        await self._links.withdraw(invitation_id)
        self._tell("invitation.withdrawn", "")

    async def reset_link(self, user_id: str) -> OneTimeLink:
        """A link that sets a new password of a user, for a day.

        Raises:
            NotFound: there is no such user.
            Conflict: the user is disabled.
        """
        made = await self._link_for(user_id)
        self._tell("user.reset_link_made", (await self._users.get(user_id)).name)
        return made

    async def way_in(self, user_id: str) -> OneTimeLink:
        """``reset_link`` for somebody who asks for their own, by a way that knows them.

        Raises:
            NotFound, Conflict: see ``reset_link``.
        """
        made = await self._link_for(user_id, WAY_IN_MS)
        name = (await self._users.get(user_id)).name
        self._record(user_id, "user.reset_link_made", name, by="telegram")
        return made

    async def _link_for(self, user_id: str, lasts_ms: int = DAY_MS) -> OneTimeLink:
        user = await self._users.get(user_id)
        if user.disabled_at is not None:
            raise Conflict("This user is disabled; enable them first.")
        kind: LinkKind = "setup" if user_id == OWNER_ID else "reset"
        return await self._make(kind, user.role, user_id, lasts_ms)

    async def first_link(self) -> OneTimeLink | None:
        """The set-up link of a start; ``None`` once the owner has a password."""
        owner = await self._users.get(OWNER_ID)
        if owner.password is not None:
            return None
        with contextlib.suppress(StudioError):
            return await self._link_for(OWNER_ID)
        return None

    async def _make(
        self, kind: LinkKind, role: Role, user_id: str | None, lasts_ms: int
    ) -> OneTimeLink:
        token, now_ms = new_token(), self._clock.now_ms()
        link = Invitation(
            id=new_id(),
            kind=kind,
            role=role,
            user_id=user_id,
            created_at=now_ms,
            expires_at=now_ms + lasts_ms,
        )
        await self._links.add(link, digest(token))
        return OneTimeLink(link, token)
