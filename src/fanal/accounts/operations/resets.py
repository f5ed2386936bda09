"""Reset of a person's sign-in by two people: proposed by an administrator, confirmed by a second person.

The new password has two halves, derived from the reset's id with the installation's digest key. The page
shows one half to each of the two, who give them to the person. Neither of them alone can sign in as the
person.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Q
from psycopg.errors import CheckViolation, UniqueViolation

from fanal.accounts.domain.policy import Reason, Refused, Resource, allows, require
from fanal.accounts.domain.records import Likeness
from fanal.accounts.models import Reset, ResetEnd, User
from fanal.accounts.operations.people import lock_accounts, notify_sign_in_change
from fanal.accounts.queries.likeness import likenesses
from fanal.accounts.queries.people import actor_for, granted_by_alone, users_of
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault import keyring

LASTS: Final = timedelta(days=1)
"""How long a proposed reset may be confirmed."""
_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another
_GROUPS = 3
_SIGNS_IN_GROUP = 4
_CONFIRMING = (Role.ADMINISTRATOR, Role.SUPERVISOR)
_SAME_HUMAN = frozenset({Likeness.ADDRESS, Likeness.SUBJECT, Likeness.KEY})


class ResetReason(StrEnum):
    """Reason of a reset of a person's sign-in.

    FORGOTTEN: the person forgot the password. LOST: a device is lost. SUSPECTED: others may know the secrets.
    """

    FORGOTTEN = "FORGOTTEN"
    LOST = "LOST"
    SUSPECTED = "SUSPECTED"


class ResetHalf(StrEnum):
    """A half of the new password after a reset, named after the person who is shown it.

    PROPOSER: the administrator who proposed the reset. CONFIRMER: the second person who confirmed it.
    """

    PROPOSER = "PROPOSER"
    CONFIRMER = "CONFIRMER"


def password_half(reset_id: UUID, half: ResetHalf) -> str:
    """Return one half of a reset's new password: three groups of four signs, 59 bits."""
    digest = keyring.current().digest(f"account.reset.{half.lower()}", reset_id.bytes)
    number, signs = int.from_bytes(digest), []
    for _ in range(_GROUPS * _SIGNS_IN_GROUP):
        number, rest = divmod(number, len(_SIGNS))
        signs.append(_SIGNS[rest])
    groups = [
        "".join(signs[i : i + _SIGNS_IN_GROUP]) for i in range(0, len(signs), _SIGNS_IN_GROUP)
    ]
    return "-".join(groups)


def new_password(reset_id: UUID) -> str:
    """Return the new password of a reset: the proposer's half, a hyphen, the confirmer's half."""
    return "-".join(password_half(reset_id, half) for half in ResetHalf)


def propose_reset(
    *,
    actor: Actor,
    person_id: UUID,
    factors: bool,
    reason: ResetReason,
    now: datetime,
) -> UUID:
    """Propose to reset a person's password, with `factors` their second factors too; return its id.

    The password is always reset: otherwise people who know the old one could still sign in. Nothing changes
    until a second person confirms within a day. The person and their supervisors are notified. `reason` is
    recorded with the proposal.

    Raises:
        Refused: the actor may not propose resets, is the person, or their account was closed meanwhile.
        Refusal: CLOSED (the person's account is closed), OPEN (a reset of the person is open already),
            GRANTER (the actor's role was granted by the person alone).
    """
    require(actor, "reset.propose", Resource(owner_id=person_id))
    try:
        with transaction.atomic():
            accounts = lock_accounts(person_id, actor.person_id)
            _require_at_work(accounts, actor, "reset.propose")
            if person_id not in accounts or not accounts[person_id].is_active:
                raise Refusal("reset", "CLOSED")
            if Reset.objects.filter(person_id=person_id, expires_at__gt=now, end=None).exists():
                raise Refusal("reset", "OPEN")
            made = Reset.objects.create(
                id=new_id(now),
                person_id=person_id,
                factors=factors,
                reason_code=reason.value,
                proposer_id=actor.person_id,
                proposed_at=now,
                expires_at=now + LASTS,
            )
            _log(actor, "account.reset_propose", made, now)
            notify_sign_in_change(person_id, change="reset_proposed", now=now)
    except IntegrityError as error:
        raise _refused(error, "GRANTER") from error
    return made.id


def confirm_reset(*, actor: Actor, reset_id: UUID, now: datetime) -> None:
    """Carry out a proposed reset, as its second person, who has passed their own second factor.

    The account gets the new password, and loses its second factors if that was proposed; its sessions end.
    Habilitations and past acts of the person stay. The person and their supervisors are notified.

    Raises:
        Reset.DoesNotExist: no such reset.
        Refused: the actor may not confirm resets, is the proposer or the person, or their account was
            closed meanwhile.
        Refusal: NOT_OPEN (the reset was confirmed, withdrawn or has expired); CLOSED (the person's
            account is closed); ALIKE (the actor's account shares an address, a sign-on or a key with the
            proposer's or the person's); GRANTER (the actor's role was granted by one of them); PROPOSER
            (the proposer is no longer an administrator).
    """
    found = Reset.objects.get(id=reset_id)
    people = {found.person_id, found.proposer_id} - {SYSTEM_PERSON}
    for owner in sorted(people):
        require(actor, "reset.confirm", Resource(owner_id=owner))
    _require_open(found, now)
    if not _may_still_propose(found, now):
        raise Refusal("reset", "PROPOSER")
    if _alike(actor.person_id, people):
        raise Refusal("reset", "ALIKE")
    if granted_by_alone(person_id=actor.person_id, roles=_CONFIRMING, proposers=people, now=now):
        raise Refusal("reset", "GRANTER")
    password = make_password(new_password(found.id))  # slow, hence before the locks
    with transaction.atomic():
        accounts = lock_accounts(found.person_id, found.proposer_id, actor.person_id)
        _require_at_work(accounts, actor, "reset.confirm")
        user = accounts.get(found.person_id)
        if user is None or not user.is_active:
            raise Refusal("reset", "CLOSED")
        _end(found, "CONFIRMED", actor, now)
        user.session_epoch += 1
        user.password = password
        user.save(update_fields=["session_epoch", "password"])
        _log(actor, "account.reset", found, now)
        if found.factors:
            _remove_factors(actor, user, now)
        notify_sign_in_change(found.person_id, change="reset", now=now)


def withdraw_reset(*, actor: Actor, reset_id: UUID, now: datetime) -> None:
    """Withdraw a proposed reset of a person's sign-in, so that it has no effect.

    The actor is the person, or somebody who may confirm resets (an administrator or a supervisor), the
    proposer included.

    Raises:
        Reset.DoesNotExist: no such reset.
        Refused: the actor is neither.
        Refusal: NOT_OPEN (the reset was done, withdrawn or has expired).
    """
    found = Reset.objects.get(id=reset_id)
    if actor.person_id != found.person_id:
        require(actor, "reset.confirm", Resource(owner_id=found.person_id))
    _require_open(found, now)
    with transaction.atomic():
        lock_accounts(found.person_id, found.proposer_id)
        _end(found, "WITHDRAWN", actor, now)
        _log(actor, "account.reset_withdraw", found, now)


def withdraw_resets_of_closed(*, actor: Actor, person_id: UUID, now: datetime) -> None:
    """Withdraw the open resets that concern a closed account: those of its person, and those it proposed.

    The caller has closed the account in the same transaction and locked it, so that no reset can be proposed
    meanwhile. A reset that another transaction ends meanwhile keeps that end.

    Raises:
        Refusal: kind `reset`: the database refuses to end a reset that is still open.
    """
    concerned = Q(person_id=person_id) | Q(proposer_id=person_id)
    for found in Reset.objects.filter(concerned, expires_at__gt=now, end=None).order_by("id"):
        # The proposal may be a moment younger than `now`, at which the request for the closing began.
        at = max(now, found.proposed_at)
        try:
            _end(found, "WITHDRAWN", actor, at)
        except Refusal:
            if not ResetEnd.objects.filter(reset=found).exists():
                raise
        else:
            _log(actor, "account.reset_withdraw", found, at)


def _require_at_work(accounts: dict[UUID, User], actor: Actor, action: str) -> None:
    own = accounts.get(actor.person_id)
    if own is not None and not own.is_active:
        raise Refused(action, Reason.NO_RULE)


def _may_still_propose(found: Reset, now: datetime) -> bool:
    owner = Resource(owner_id=found.person_id)
    return found.proposer_id == SYSTEM_PERSON or any(
        allows(actor_for(user=user, now=now), "reset.propose", owner).allowed
        for user in users_of(person_id=found.proposer_id)
    )


def _require_open(found: Reset, now: datetime) -> None:
    if hasattr(found, "end") or found.expires_at <= now:
        raise Refusal("reset", "NOT_OPEN")


def _alike(person_id: UUID, people: set[UUID]) -> bool:
    """Return whether a person's account shares a trait with the account of one of `people`.

    A trait is a mail address, a single sign-on subject or a security key: two accounts with the same trait
    may belong to one human.
    """
    found = likenesses(person_ids=[person_id]).get(person_id, ())
    logins = {one.login for one in found if not _SAME_HUMAN.isdisjoint(one.by)}
    return User.objects.filter(person_id__in=people, username__in=logins).exists()


def _end(found: Reset, outcome: str, actor: Actor, now: datetime) -> None:
    try:
        with transaction.atomic():
            ResetEnd.objects.create(
                reset=found, outcome=outcome, by_id=actor.person_id, ended_at=now
            )
    except IntegrityError as error:
        raise _refused(error, "NOT_OPEN") from error


def _refused(error: IntegrityError, code: str) -> Exception:
    """Return the exception for a database error: a refusal with `code` if a rule of the tables was violated.

    Such a rule is a constraint or trigger of migration 0026, or a row that another transaction wrote first.
    Any other error is returned unchanged.
    """
    ruled = isinstance(error.__cause__, (CheckViolation, UniqueViolation))
    return Refusal("reset", code) if ruled else error


def _remove_factors(actor: Actor, user: User, now: datetime) -> None:
    rows = Authenticator.objects.filter(user=user).order_by("id")
    kinds = [str(kind) for kind in rows.values_list("type", flat=True)]
    rows.delete()
    for kind in kinds:
        ledger.record(
            actor=actor,
            action="account.factor_removed",
            at=now,
            objects=[ObjectRef(kind="person", id=user.person_id)],
            detail={"factor": kind},
        )


def _log(actor: Actor, action: str, found: Reset, now: datetime) -> None:
    detail = {"factors": int(found.factors)}
    objects = [ObjectRef(kind="person", id=found.person_id)]
    ledger.record(actor=actor, action=action, at=now, objects=objects, detail=detail)
