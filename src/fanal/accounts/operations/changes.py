"""Changes of a person's account by an administrator: details, sessions, closing, reopening, unlocking.

A form that changes details or reopens an account sends back the state that its page showed (`account_state`),
and is refused if the account has changed since. Closing an account and ending its sessions are safe: they are
never refused for such a change.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from psycopg.errors import CheckViolation

from fanal.accounts.domain.policy import Reason, Refused, require
from fanal.accounts.domain.records import ERASED
from fanal.accounts.models import User
from fanal.accounts.operations.people import (
    end_sessions,
    lock_accounts,
    notify_sign_in_change,
)
from fanal.accounts.operations.resets import withdraw_resets_of_closed
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault import keyring


def edit_account(
    *, actor: Actor, person_id: UUID, name: str, email: str, seen: str, now: datetime
) -> None:
    """Change a person's name and the mail address of their account.

    The person is notified at the old address too, if anything changed. `email` is "" for no address. `seen`:
    the state that the page showed (`account_state`).

    Raises:
        Refused: the actor may not manage accounts, or their role has ended meanwhile.
        Refusal: CHANGED: the account is no longer as the page showed it; ERASED: the person's identity was
            erased; NAME: it is the mark of an erased name.
        User.DoesNotExist: the person has no account.
    """
    if name == ERASED:
        raise Refusal("account", "NAME")
    with _changing(actor, person_id, seen) as user:
        changed = [
            code
            for code, before, after in (
                ("NAME", user.person.name, name),
                ("ADDRESS", user.email, email),
            )
            if before != after
        ]
        old = user.email
        if "NAME" in changed:
            _rename(actor, person_id, name, now)
        if "ADDRESS" in changed:
            user.email = email
            user.save(update_fields=["email"])
        for code in changed:
            ledger.record(
                actor=actor,
                action="account.change",
                at=now,
                objects=[_ref(person_id)],
                detail={"changed": code},
            )
        if changed:
            notify_sign_in_change(person_id, change="address", now=now, also=old)


def _rename(actor: Actor, person_id: UUID, name: str, now: datetime) -> None:
    """Change a person's name by the database's guard, in the caller's transaction.

    Raises:
        Refused: the actor's role has ended meanwhile.
        Refusal: ERASED.
    """
    try:
        (renamed,) = sql.one(
            "SELECT accounts_rename(%s, %s, %s, %s)", [person_id, name, actor.person_id, now]
        )
    except IntegrityError as error:
        if isinstance(error.__cause__, CheckViolation):
            raise Refused("account.manage", Reason.NO_RULE) from error
        raise
    if not renamed:
        raise Refusal("account", "ERASED")


def close_account(*, actor: Actor, person_id: UUID, now: datetime) -> None:
    """Deactivate a person's account and end its sessions at once; the supervisors are notified.

    Open resets of this person's sign-in, and those that this person proposed for others, are withdrawn.

    Raises:
        User.DoesNotExist: the person has no account.
        Refused: the actor may not manage accounts, or the account is the actor's own.
        Refusal: CHANGED: the account is closed already.
    """
    if person_id == actor.person_id:
        raise Refused("account.manage", Reason.OWN_ACT)
    with _changing(actor, person_id) as user:
        if not user.is_active:
            raise Refusal("account", "CHANGED")
        user.is_active = False
        user.session_epoch += 1
        user.save(update_fields=["is_active", "session_epoch"])
        ledger.record(actor=actor, action="account.close", at=now, objects=[_ref(person_id)])
        withdraw_resets_of_closed(actor=actor, person_id=person_id, now=now)
        notify_sign_in_change(person_id, change="closed", now=now)


def reopen_account(*, actor: Actor, person_id: UUID, seen: str, now: datetime) -> None:
    """Reactivate a closed account: the person signs in as before, and has no role until a new one is granted.

    A trigger revokes every habilitation (grant of a role) that the person had. `seen`: the state that the
    page showed (`account_state`), "" for a command.

    Raises:
        Refused: the actor may not manage accounts, or it is their own.
        Refusal: CHANGED: the account is no longer as the page showed it; ERASED: the person's identity was
            erased.
        User.DoesNotExist: the person has no account.
    """
    if person_id == actor.person_id:
        raise Refused("account.manage", Reason.OWN_ACT)
    with _changing(actor, person_id, seen) as user:
        if user.person.name == ERASED:
            raise Refusal("account", "ERASED")
        if user.is_active:
            raise Refusal("account", "CHANGED")
        user.is_active = True
        user.session_epoch += 1
        user.save(update_fields=["is_active", "session_epoch"])
        ledger.record(actor=actor, action="account.reopen", at=now, objects=[_ref(person_id)])
        notify_sign_in_change(person_id, change="reopened", now=now)


def end_sessions_of(*, actor: Actor, person_id: UUID, now: datetime) -> None:
    """End every session of another person's account.

    Raises:
        User.DoesNotExist: the person has no account.
        Refused: the actor may not manage accounts.
    """
    with _changing(actor, person_id) as user:
        end_sessions(actor=actor, user=user, now=now)


def record_unlock(*, actor: Actor, person_id: UUID, now: datetime) -> None:
    """Record in the ledger that an administrator deleted the counters of a person's wrong passwords.

    Raises:
        Refused: the actor may not manage accounts.
    """
    require(actor, "account.manage")
    ledger.record(actor=actor, action="account.unlock", at=now, objects=[_ref(person_id)])


def account_state(*, email: str, name: str, active: bool, session_epoch: int) -> str:
    """Return a digest (32 hex digits) of what a page shows of an account: name, address, state, epoch.

    A form sends it back, and is refused if the account has changed since. `active` is false for a closed
    account. `session_epoch` (the number of times that all sessions ended) counts only for a closed account:
    in an open one the person may raise it meanwhile, by a change of second factors.
    """
    shown = json.dumps([email, name, active, 0 if active else session_epoch]).encode()
    return keyring.current().digest("account.state", shown).hex()[:32]


@contextmanager
def _changing(actor: Actor, person_id: UUID, seen: str = "") -> Iterator[User]:
    """Lock an account in a transaction, for a change by an administrator.

    `seen` is the state that the page showed (`account_state`); "" accepts any state.

    Raises:
        User.DoesNotExist: the person has no account.
        Refused: the actor may not manage accounts.
        Refusal: CHANGED: it is no longer as the page showed it.
    """
    require(actor, "account.manage")
    with transaction.atomic():
        locked = lock_accounts(person_id).get(person_id)
        if locked is None:
            raise User.DoesNotExist
        state = account_state(
            email=locked.email,
            name=locked.person.name,
            active=locked.is_active,
            session_epoch=locked.session_epoch,
        )
        if seen and seen != state:
            raise Refusal("account", "CHANGED")
        yield locked


def _ref(person_id: UUID) -> ObjectRef:
    return ObjectRef(kind="person", id=person_id)
