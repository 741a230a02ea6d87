"""Everything about who somebody is, built in order: keys, sessions, people, the ways in.

Apart from ``app.py`` because the command line uses it too, while no Studio runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.clock import Clock
from studio.models import Identity, Record, unrecorded
from studio.services.auth import AuthService
from studio.services.devices import Devices
from studio.services.durations import Durations
from studio.services.logins import LoginService
from studio.services.passwords import Passwords
from studio.services.people import PeopleService
from studio.services.queue import JobQueue
from studio.services.quotas import QuotaService
from studio.services.rates import Rate, RequestLimits
from studio.services.sessions import SessionService
from studio.services.throttle import LoginThrottle
from studio.settings import Settings
from studio.store.db import Database
from studio.store.invitations import InvitationStore
from studio.store.keys import KeyStore
from studio.store.prefs import PrefStore
from studio.store.quotas import QuotaStore
from studio.store.sessions import SessionStore
from studio.store.users import UserStore


@dataclass(frozen=True, slots=True)
class Accounts:
    """The services that know people and programs."""

    auth: AuthService
    sessions: SessionService
    people: PeopleService
    logins: LoginService
    quotas: QuotaService
    limits: RequestLimits
    passwords: Passwords

    def is_live(self, identity: Identity) -> bool:
        """Whether a caller would still be let in: what streams and sockets ask now and then."""
        if identity.session_id is not None:
            return self.sessions.is_live(identity.session_id)
        return identity.key_id is None or self.auth.is_live(identity.key_id)

    def identity_of(self, session_id: str | None, key_id: str | None) -> Identity | None:
        """Who comes with that session or key, while it opens anything."""
        if session_id is not None:
            return self.sessions.identity_of(session_id)
        return None if key_id is None else self.auth.identity_of(key_id)

    def ends_at(self, identity: Identity) -> int | None:
        """When a caller's session ends if nobody uses it, in ms; ``None`` without one."""
        session_id = identity.session_id
        return None if session_id is None else self.sessions.ends_at(session_id)


async def build_accounts(
    *,
    db: Database,
    clock: Clock,
    settings: Settings,
    queue: JobQueue,
    durations: Durations | None = None,
    record: Record = unrecorded,
) -> Accounts:
    """The services over an opened database; keys and sessions are not loaded yet.

    Args:
        queue: the jobs that count against what somebody may use up.
        durations: how long their like took.
    """
    users, links, passwords = UserStore(db), InvitationStore(db), Passwords()
    auth = AuthService(keys=KeyStore(db), clock=clock, record=record)
    sessions = SessionService(sessions=SessionStore(db), users=users, clock=clock, record=record)
    quotas = QuotaService(
        store=QuotaStore(db),
        queue=queue,
        clock=clock,
        durations=durations,
        record=record,
        unknown_job_s=settings.unknown_job_s,
    )
    await quotas.load()
    return Accounts(
        auth=auth,
        sessions=sessions,
        people=PeopleService(
            users=users, links=links, sessions=sessions, auth=auth, clock=clock, record=record
        ),
        logins=LoginService(
            users=users,
            links=links,
            sessions=sessions,
            passwords=passwords,
            throttle=LoginThrottle(clock),
            devices=Devices(await PrefStore(db).signing_key()),
            clock=clock,
            environment_key=settings.api_key,
            record=record,
        ),
        quotas=quotas,
        limits=RequestLimits(
            clock,
            per_key=Rate(settings.key_requests_per_minute),
            per_user=Rate(settings.user_requests_per_minute),
            per_address=Rate(settings.address_requests_per_minute),
        ),
        passwords=passwords,
    )
