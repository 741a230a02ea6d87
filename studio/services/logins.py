"""The ways in for people: a password, the first set-up, an invitation, a link that resets.

Each ends in a new session with a new token, so nothing that was known before is worth anything.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import (
    AlreadySetUp,
    Conflict,
    InvalidToken,
    NameTaken,
    WrongApiKey,
    WrongCredentials,
)
from studio.models import OWNER_ID, Identity, Record, unrecorded
from studio.services.devices import Devices
from studio.services.names import OWNER_KEY, checked_name, key_of
from studio.services.passwords import Passwords, check_password
from studio.services.sessions import SessionService
from studio.services.throttle import LoginThrottle
from studio.services.tokens import digest
from studio.settings import Secret
from studio.store.invitations import Invitation, InvitationStore
from studio.store.users import User, UserStore

_USED_UP: Final = "This link is used up or has ended. Ask the owner for another one."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who knocks: the network address, what the browser calls itself, and what it kept."""

    address: str
    client: str
    devices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who came in, the token of their new session, and what their browser may keep."""

    user: User
    token: str
    device: str


class LoginService:
    """Checks passwords and one-time links, and opens sessions.

    Args:
        environment_key: the value of ``API_KEY``, which may set the owner's first password.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        links: InvitationStore,
        sessions: SessionService,
        passwords: Passwords,
        throttle: LoginThrottle,
        devices: Devices,
        clock: Clock,
        environment_key: Secret | None,
        record: Record = unrecorded,
    ) -> None:
        self._users = users
        self._links = links
        self._sessions = sessions
        self._passwords = passwords
        self._throttle = throttle
        self._devices = devices
        self._clock = clock
        self._environment_key = environment_key
        self._record = record
        self._links_in_use: set[str] = set()

    async def login(self, name: str | None, password: str, visitor: Visitor) -> Entry:
        """Let somebody in by password; without a name it is the owner's.

        Raises:
            TooManyLogins: this client, or everybody together, tried too often.
            WrongCredentials: what is wrong of name and password is not said.
        """
        user = await self._find(name)
        device = self._device(user, visitor)
        with self._throttle.attempt(visitor.address, device):
            record = None if user is None else user.password
            right = await self._passwords.verify(password, record, known=device is not None)
            if user is None or not right or user.disabled_at is not None:
                self._failed(user, visitor)
                raise WrongCredentials("That name and password do not fit together.")
        return await self._enter(user, visitor)

    async def _find(self, name: str | None) -> User | None:
        key = OWNER_KEY if name is None else key_of(name)
        return await (self._users.get(OWNER_ID) if key == OWNER_KEY else self._users.find(key))

    def _device(self, user: User | None, visitor: Visitor) -> str | None:
        """The name of the browser's own attempts at a person's password, if they used it before."""
        known = None if user is None else self._devices.known(visitor.devices, user)
        return None if known is None else f"device {known}"

    async def user_of(self, identity: Identity) -> User:
        """The person behind a session."""
        return await self._users.get(identity.user_id)

    async def change_password(
        self, identity: Identity, current: str, new: str, visitor: Visitor
    ) -> Entry:
        """Replace the caller's own password; every other session and known device of theirs ends.

        Returns:
            This session, with the token that opens it from now on.

        Raises:
            TooManyLogins, WrongCredentials: the present password was not given.
            Unprocessable: the new one is too short or too long.
        """
        assert identity.session_id is not None
        check_password(new)
        user = await self._users.get(identity.user_id)
        with self._throttle.attempt(visitor.address, self._device(user, visitor)):
            if not await self._passwords.verify(current, user.password, known=True):
                self._failed(user, visitor)
                raise WrongCredentials("The present password is not right.")
        record = await self._passwords.hash(new)
        await self._users.set_password(
            user.id, record, former=user.password, keep_session=identity.session_id
        )
        self._sessions.forget_user(user.id, but=identity.session_id)
        self._record(user.id, "password.changed", user.name)
        token = await self._sessions.renew(identity.session_id)
        user = replace(user, password=record)
        return Entry(user, token, self._devices.remember(user))

    # -- set-up -----------------------------------------------------------------------------------

    async def needs_setup(self) -> bool:
        """Whether the owner has no password yet."""
        return (await self._users.get(OWNER_ID)).password is None

    async def look_at_setup(self, token: str) -> Invitation:
        """The set-up link behind a token; nothing is used up.

        Raises:
            AlreadySetUp: there is a password and this link is none of today's.
            InvalidToken: it is used up or has ended.
        """
        link = await self._links.find(digest(token), self._clock.now_ms())
        if link is None or link.kind != "setup":
            if not await self.needs_setup():
                raise _already_set_up()
            raise InvalidToken(
                "This set-up link is used up or has ended. './start.sh setup-link' prints another."
            )
        return link

    async def set_up_by_link(
        self, token: str, password: str, name: str | None, visitor: Visitor
    ) -> Entry:
        """Set the owner's password, the first one or a new one, by a link from the console.

        Raises:
            AlreadySetUp, InvalidToken: see ``look_at_setup``.
            Conflict, TooManyLogins: it is being used, or was tried too often.
        """
        await self.look_at_setup(token)
        check_password(password)
        await self._name_owner(name)
        return await self._reset(token, password, visitor)

    async def set_up_by_key(
        self, key: str, password: str, name: str | None, visitor: Visitor
    ) -> Entry:
        """Set the owner's first password by the value of ``API_KEY``.

        Raises:
            AlreadySetUp: there is a password.
            TooManyLogins, WrongApiKey: that is not the value, or too many were tried.
        """
        if not await self.needs_setup():
            raise _already_set_up()
        with self._throttle.attempt(visitor.address):
            expected = self._environment_key
            if expected is None or not hmac.compare_digest(digest(expected.reveal()), digest(key)):
                self._failed(None, visitor)
                raise WrongApiKey("That is not the value of API_KEY on Studio's machine.")
        check_password(password)
        await self._name_owner(name)
        record = await self._passwords.hash(password)
        try:
            await self._users.set_password(OWNER_ID, record, former=None)
        except Conflict:
            raise _already_set_up() from None
        owner = await self._users.get(OWNER_ID)
        self._record(owner.id, "studio.set_up", owner.name)
        return await self._enter(owner, visitor)

    async def _name_owner(self, name: str | None) -> None:
        if name is not None:
            clean = checked_name(name, OWNER_ID)
            await self._users.rename(OWNER_ID, clean, key_of(clean))

    # -- invitations and resets -------------------------------------------------------------------

    async def look(self, token: str) -> tuple[Invitation, User | None]:
        """What a link is for, and whose password it resets; nothing is used up.

        Raises:
            InvalidToken: it is used up or has ended.
        """
        link = await self._links.find(digest(token), self._clock.now_ms())
        if link is None or link.kind == "setup":
            raise InvalidToken(_USED_UP)
        return link, None if link.user_id is None else await self._users.get(link.user_id)

    async def join(self, token: str, name: str | None, password: str, visitor: Visitor) -> Entry:
        """Come in by an invitation, as a new user, or by a link that resets a password.

        Raises:
            InvalidToken: the link is used up or has ended.
            Unprocessable, NameTaken: the link can be used again with a better name or password.
            Conflict, TooManyLogins: it is being used, or was tried too often.
        """
        link, whose = await self.look(token)
        check_password(password)
        if whose is not None:
            return await self._reset(token, password, visitor)
        user = User(
            id=new_id(),
            name="",
            role=link.role,
            created_at=self._clock.now_ms(),
            password=None,
        )
        clean = checked_name(name or "", user.id)
        if await self._users.find(key_of(clean)) is not None:
            raise NameTaken("Somebody has that name already. Choose another one.")
        with self._using(digest(token), visitor):
            user = replace(user, name=clean, password=await self._passwords.hash(password))
            await self._users.join(user, key_of(clean), digest(token))
            self._record(user.id, "user.joined", user.name, role=user.role)
        return await self._enter(user, visitor)

    async def _reset(self, token: str, password: str, visitor: Visitor) -> Entry:
        with self._using(digest(token), visitor):
            record = await self._passwords.hash(password)
            user = await self._users.reset_password(digest(token), record, self._clock.now_ms())
        self._sessions.forget_user(user.id)
        self._record(user.id, "password.changed", user.name)
        return await self._enter(user, visitor)

    @contextlib.contextmanager
    def _using(self, link: str, visitor: Visitor) -> Iterator[None]:
        """One attempt by a link that is good, before it costs a hash and uses the link up.

        A link has attempts of its own: whoever has it was asked in, also while others are kept out.
        """
        if link in self._links_in_use:
            raise Conflict("Somebody is coming in by this link at this moment.")
        with self._throttle.attempt(visitor.address, f"link {link}"):
            self._links_in_use.add(link)
            try:
                yield
            finally:
                self._links_in_use.remove(link)

    def _failed(self, user: User | None, visitor: Visitor) -> None:
        """Tell of an attempt. A name nobody has is not told: it may be a misplaced password."""
        user_id, name = (None, "") if user is None else (user.id, user.name)
        self._record(user_id, "login.failed", name, address=visitor.address)

    async def _enter(self, user: User, visitor: Visitor) -> Entry:
        token = await self._sessions.begin(user, visitor.client)
        self._record(user.id, "session.began", user.name, address=visitor.address)
        return Entry(user, token, self._devices.remember(user))


def _already_set_up() -> AlreadySetUp:
    return AlreadySetUp(
        "Studio is set up already. Log in; if the password is lost, './start.sh setup-link' on "
        "Studio's machine prints a link that sets a new one."
    )
