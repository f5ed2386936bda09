"""Accounts of people and organisations: creation, changes, resets, sign-in records, counters, erasure.

The counters for sign-in are shared by all processes: used one-time codes, failed attempts, lock-outs. A key
is stored as a keyed digest, which reveals nothing without the digest key. At expiry, names and addresses of
people who have left are erased, and the texts of expired instructions, duty lines and checks of numbers.
"""

import json
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.crypto import constant_time_compare
from procrastinate.contrib.django import app

from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.domain.records import (
    ERASED,
    RESERVED_LOGIN,
    NewAccount,
    OrganisationKind,
    canonical_login,
)
from fanal.accounts.models import Counter, Organisation, Person, User
from fanal.accounts.queries.expiry import LEFT, left_before
from fanal.db import sql
from fanal.kernel.actors import Actor, public_actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault import keyring

_PUT = """
    INSERT INTO accounts_counter (digest, value, expires_at) VALUES (%s, %s, %s)
    ON CONFLICT (digest) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
_ADD = f"{_PUT} WHERE accounts_counter.expires_at <= %s RETURNING 1"


def add_counter(*, key: str, value: object, expires_at: datetime, now: datetime) -> bool:
    """Store `value` (JSON) under `key` until `expires_at`, unless an unexpired value exists.

    Return whether it was stored. `key` is any text. Atomic: of several concurrent processes exactly one
    succeeds.

    Raises:
        TypeError: `value` cannot be written as JSON.
    """
    return sql.row(_ADD, [_digest(key), json.dumps(value), expires_at, now]) is not None


def set_counter(*, key: str, value: object, expires_at: datetime) -> None:
    """Store `value` under `key` (any text) until `expires_at`, replacing any earlier value.

    Raises:
        TypeError: `value` cannot be written as JSON.
    """
    sql.run(_PUT, [_digest(key), json.dumps(value), expires_at])


def get_counter(*, key: str, now: datetime) -> object | None:
    """Return the value stored under `key` by `set_counter` or `add_counter`; None when there is none.

    An expired value counts as none.
    """
    found = Counter.objects.filter(digest=_digest(key), expires_at__gt=now).first()
    return None if found is None else found.value


def drop_counter(*, key: str) -> bool:
    """Delete the value stored under `key` by `set_counter` or `add_counter`; return whether there was one."""
    deleted, _ = Counter.objects.filter(digest=_digest(key)).delete()
    return deleted > 0


def forget_counters(*, now: datetime | None) -> int:
    """Delete the expired counters of sign-in limits (all if `now` is None); return their number.

    A counter is a value with an expiry, such as a used one-time code, failed attempts or a lock-out. The
    worker deletes the expired ones, `SharedCounters.clear` all.
    """
    ended = Counter.objects.all() if now is None else Counter.objects.filter(expires_at__lte=now)
    deleted, _ = ended.delete()
    return deleted


def login_digest(login: str) -> str:
    """Return the keyed digest of a login (32 hex digits), for the ledger entry of a refused sign-in."""
    return keyring.current().digest("account.login", login.encode()).hex()[:32]


def _digest(key: str) -> bytes:
    return keyring.current().digest("account.counter", key.encode())


FACTOR_NOTICE: Final = "tell_factor"
"""Name of the worker's job that notifies people of a change of second factors."""


class LoginTaken(Exception):
    """Another account has this login; the text names it."""


def create_account(*, actor: Actor, account: NewAccount, now: datetime) -> User:
    """Create an account and the person who owns it. It gives no rights: habilitations (grants of roles) do.

    Raises:
        LoginTaken: the login is in use.
        Refused: the actor may not manage accounts.
    """
    require(actor, "account.manage")
    login = canonical_login(account.username)
    with sql.unique(LoginTaken(f"an account '{login}' exists")):
        person = Person.objects.create(
            id=new_id(now),
            name=account.name,
            organisation_id=account.organisation_id,
            created_at=now,
        )
        user = User.objects.create(
            username=login,
            email=account.email,
            person=person,
            password=make_password(account.password),
            is_demo=account.demo,
            date_joined=now,
        )
        ledger.record(actor=actor, action="account.create", at=now, objects=[_ref(person.id)])
    return user


def end_sessions(*, actor: Actor, user: User, now: datetime) -> None:
    """End every session of an account, the current session included.

    Raises:
        Refused: the account is another person's and the actor may not manage accounts.
    """
    if user.person_id != actor.person_id:
        require(actor, "account.manage")
    _end_sessions_after(actor, user, "SESSIONS", now=now)


def _end_sessions_after(actor: Actor, user: User, changed: str, *, now: datetime) -> None:
    """End every session of an account after a change, and record its code (`changed`) in the ledger."""
    with transaction.atomic():
        _end_sessions_of(user)
        ledger.record(
            actor=actor,
            action="account.change",
            at=now,
            objects=[_ref(user.person_id)],
            detail={"changed": changed},
        )


def _end_sessions_of(user: User) -> int:
    """End every session of an account; return its new session epoch, a counter in the session hash."""
    locked = User.objects.select_for_update().get(pk=user.pk)
    locked.session_epoch += 1
    locked.save(update_fields=["session_epoch"])
    return locked.session_epoch


class SignInOver(Exception):
    """The account was closed, or its password or sessions were changed, after the request had loaded it."""


def lock_own_account(*, user: AbstractBaseUser, loaded: str) -> User:
    """Lock a person's account in the caller's transaction, for a change of how they sign in; return it.

    `loaded`: the session hash of `user` as the request loaded it.

    Raises:
        SignInOver: the account was closed, or its password or sessions were changed, since then.
        User.DoesNotExist: the account is no longer in the database.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    if not locked.is_active or not constant_time_compare(locked.get_session_auth_hash(), loaded):
        raise SignInOver
    return locked


def lock_accounts(*person_ids: UUID) -> dict[UUID, User]:
    """Lock the accounts of people in the order of the accounts' ids; return the oldest of each person.

    The result is by person id; persons without an account, such as partners' programs, have no key. The
    caller holds a transaction, and has not locked a row of a reset before (lock order).
    """
    locked = User.objects.select_for_update().filter(person_id__in=person_ids).order_by("id")
    return {user.person_id: user for user in reversed(list(locked))}


def record_factor_change(
    *, actor: Actor, user: User, factor: str, added: bool, now: datetime, notice: bool = True
) -> int:
    """Record that a second factor of an account was added or removed, and end its sessions.

    `factor` is the code of its kind, such as `totp` or `webauthn`. The person and the supervisors of their
    desks are notified by mail unless `notice` is False. Return the new session epoch, with which the current
    session can continue. The caller changes the factor in the same transaction.

    Raises:
        Refused: the account is another person's and the actor may not manage accounts.
        SignInOver: the account was closed, or its password or sessions were changed, since the request loaded
            `user`.
    """
    if user.person_id != actor.person_id:
        require(actor, "account.manage")
    with transaction.atomic():
        lock_own_account(user=user, loaded=user.get_session_auth_hash())
        epoch = _end_sessions_of(user)
        change = "added" if added else "removed"
        ledger.record(
            actor=actor,
            action=f"account.factor_{change}",
            at=now,
            objects=[_ref(user.person_id)],
            detail={"factor": factor},
        )
        if notice:
            notify_sign_in_change(user.person_id, factor=factor, change=change, now=now)
    return epoch


def record_link(*, actor: Actor, user: User, now: datetime) -> None:
    """Record that an account is linked to a subject (user) of the single sign-on, and end its sessions.

    Raises:
        Refused: the actor may not manage accounts.
    """
    require(actor, "account.manage")
    _end_sessions_after(actor, user, "SINGLE_SIGN_ON", now=now)


def change_password(*, user: AbstractBaseUser, password: str) -> bool:
    """Store a person's new password unless their account has changed since the request loaded `user`.

    Return False, and store nothing, when the account was closed or its password or sessions were reset
    meanwhile: an intruder's change in progress must not undo them.
    """
    before = user.get_session_auth_hash()
    user.set_password(password)  # slow, hence before the lock
    try:
        with transaction.atomic():
            lock_own_account(user=user, loaded=before)
            user.save(update_fields=["password"])
    except SignInOver:
        return False
    return True


def record_password_change(*, actor: Actor, now: datetime) -> None:
    """Record that a person changed their own password; notify them and their supervisors by mail."""
    with transaction.atomic():
        ledger.record(
            actor=actor,
            action="account.change",
            at=now,
            objects=[_ref(actor.person_id)],
            detail={"changed": "PASSWORD"},
        )
        notify_sign_in_change(actor.person_id, change="password", now=now)


def notify_sign_in_change(
    person_id: UUID, *, change: str, now: datetime, factor: str = "", also: str = ""
) -> None:
    """Queue a mail about a changed sign-in to a person and the supervisors of their desks.

    It is sent after commit. `factor`: code of the second factor's kind, if it is about one; `change`: added,
    removed, password, address, closed, reopened, reset_proposed or reset; `also`: a further address.
    """
    more = {"also": also} if also else {}
    app.configure_task(FACTOR_NOTICE, queue="alarms").defer(
        notice_id=str(new_id(now)), person_id=str(person_id), factor=factor, change=change, **more
    )


def keep_dense_rows(*, actor: Actor, dense: bool) -> None:
    """Store whether the queue shows each report on one line for the actor; this makes no ledger entry.

    Raises:
        Refused: the actor may not save views of the queue.
    """
    require(actor, "view.keep", Resource(owner_id=actor.person_id))
    User.objects.filter(person_id=actor.person_id).update(dense_rows=dense)


def keep_tour_seen(*, actor: Actor) -> None:
    """Store that the actor has seen or left the introductory tour of the first sign-in; no ledger entry.

    Raises:
        Refused: the actor has no home page.
    """
    require(actor, "home.read")
    User.objects.filter(person_id=actor.person_id).update(tour_seen=True)


def record_sign_in(*, actor: Actor, action: str, now: datetime) -> None:
    """Record a sign-in or sign-out in the ledger: the person, never a network address.

    `action` is the ledger's code: `account.sign_in` or `account.sign_out`.
    """
    ledger.record(actor=actor, action=action, at=now, objects=[_ref(actor.person_id)])


def record_refusal(*, login: str, step: str, now: datetime) -> None:
    """Record a refused sign-in in the ledger: the login as a keyed digest, nothing about the browser.

    `step` is PASSWORD (also of a login that no account has), CODE or KEY (of an account that exists). Nobody
    is named in the entry.
    """
    ledger.record(
        actor=public_actor(),
        action="account.sign_in_refused",
        at=now,
        detail={"login": login_digest(canonical_login(login)), "step": step},
    )


def ensure_organisation(*, actor: Actor, kind: OrganisationKind, name: str, now: datetime) -> UUID:
    """Return the id of the organisation `name`, whatever its kind; create it if missing.

    Raises:
        Refused: the actor may not manage partners.
    """
    require(actor, "partner.manage")
    found = Organisation.objects.filter(name=name).first()
    if found is not None:
        return found.id
    with transaction.atomic():
        made, created = Organisation.objects.get_or_create(
            name=name, defaults={"id": new_id(now), "kind": kind.value, "created_at": now}
        )
        if created:
            reference = ObjectRef(kind="organisation", id=made.id)
            ledger.record(actor=actor, action="partner.add", at=now, objects=[reference])
    return made.id


def _ref(person_id: UUID) -> ObjectRef:
    return ObjectRef(kind="person", id=person_id)


def forget_people(*, actor: Actor, before: datetime, now: datetime, limit: int = 500) -> list[UUID]:
    """Erase the identity of people without any right or sign-in since `before`; return at most `limit` ids.

    A right is a habilitation (grant of a role) or an API credential; people created later stay. The accounts
    are closed and lose login, address and second factors. Ids and habilitations stay, so that the ledger
    still distinguishes the authors of acts. The results are in order of id; [] if there are none.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    asked = left_before(before, limit=limit)
    with transaction.atomic():
        left = [person_id for (person_id,) in sql.rows(LEFT, asked)]
        if not left:
            return []
        lock_accounts(*left)
        # Somebody may have signed in, or got a role, before the lock.
        still = {person_id for (person_id,) in sql.rows(LEFT, asked)}
        left = [person_id for person_id in left if person_id in still]
        Person.objects.filter(id__in=left).update(name=ERASED)
        for user in User.objects.filter(person_id__in=left):
            _empty_account(user)
        ledger.record_batch(
            actor=actor,
            action="account.erase",
            at=now,
            kind="person",
            items=[(person_id, b"") for person_id in left],
            detail={"count": len(left)},
        )
    return left


def forget_words(*, actor: Actor, before: datetime) -> int:
    """Erase free texts of rows that ended before `before`; return the number of these rows.

    The texts are grounds and revocation reasons of standing instructions, names and addresses on duty
    rosters, and sources of checks of emergency numbers.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    return int(sql.one("SELECT accounts_erase_words(%s)", [before])[0])


def _empty_account(user: User) -> None:
    """Close an account and delete all data that identify its person."""
    for relation in User._meta.related_objects:  # noqa: SLF001 - Django has no other name for it
        relation.related_model._default_manager.filter(**{relation.field.name: user}).delete()  # noqa: SLF001
    # No account can be opened with a login in brackets, nor guess the number.
    user.username = f"[{RESERVED_LOGIN}{uuid4().hex}]"
    user.email = ""
    user.is_active = False
    user.session_epoch += 1
    user.set_unusable_password()
    user.save(update_fields=["username", "email", "is_active", "session_epoch", "password"])
