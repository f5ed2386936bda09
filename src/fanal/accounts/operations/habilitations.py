"""Granting, approving, reviewing and revoking habilitations (formal grants of roles): append-only rows."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import DatabaseError, transaction
from procrastinate.contrib.django import app

from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.domain.records import NewHabilitation, ReviewVerdict, RevocationReason
from fanal.accounts.models import Habilitation, HabilitationApproval, Review, Revocation
from fanal.accounts.operations.desks import require_open_desk
from fanal.db import sql
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

LONGEST = timedelta(days=366)
"""A habilitation lasts one year at most; a database constraint enforces the same limit."""

AT_A_DESK = frozenset({Role.ANALYST, Role.SUPERVISOR, Role.JUDICIAL_OFFICER, Role.MEASURES_OFFICER})
APPROVING = frozenset({Role.SUPERVISOR, Role.MEASURES_OFFICER})
"""Roles that approve others' acts: when a person grants them, a second granter must approve."""
GRANT_NOTICE: Final = "tell_grant"
"""Name of the worker's job that notifies overseers and supervisors of a grant of such a role."""
_GRANT_LOCK = 0x4752414E54  # "GRANT"; granting is rare, so that one lock serves all
_OF_A_BODY = frozenset({Role.LABORATORY, Role.PARTNER})
_NEVER = frozenset({Role.SYSTEM, Role.PUBLIC})


def grant_habilitation(*, actor: Actor, habilitation: NewHabilitation, now: datetime) -> UUID:
    """Grant a person a role by a habilitation and return its id.

    Desk roles require a desk, laboratories and partners an organisation, other roles neither. Roles outside
    the desk are granted only by the system's command, with the reference of the external act. A role that
    approves others' acts, granted by a person, takes effect once a second person has approved it; granted by
    the system's command, it takes effect at once, with the system as its granter. Overseers and supervisors
    are notified of each grant of such a role.

    Raises:
        Refusal: ROLE (the system's or the public's), DESK (missing for a desk role, or given for another
            role), ORGANISATION (missing for a laboratory or partner, or given for another role), ACT (no
            reference), DATES (an empty period, or over 366 days), or HELD: the person holds the role for all
            these days.
        Refusal: CLOSED (of a desk): the desk has closed.
        Refused: the actor may not grant it: another desk, or oneself.
    """
    _check(habilitation)
    desk_id, person_id = habilitation.desk_id, habilitation.person_id
    require(actor, "habilitation.grant", Resource(desk_id=desk_id, owner_id=person_id))
    with transaction.atomic():
        _require_new(actor, habilitation)
        if desk_id is not None:
            require_open_desk(desk_id=desk_id)
        made = Habilitation.objects.create(
            id=new_id(now),
            act_reference=habilitation.act_reference.strip(),
            **_subject(habilitation),
            valid_from=habilitation.valid_from,
            valid_until=habilitation.valid_until,
            granted_by_id=actor.person_id,
            granted_at=now,
        )
        _log(actor=actor, action="habilitation.grant", now=now, habilitation=made)
        if habilitation.role in APPROVING:
            app.configure_task(GRANT_NOTICE, queue="alarms").defer(habilitation_id=str(made.id))
    return made.id


def approve_habilitation(*, actor: Actor, habilitation_id: UUID, now: datetime) -> None:
    """Approve a habilitation (grant of a role) as its second granter; it takes effect within its dates.

    Raises:
        Habilitation.DoesNotExist: no such habilitation.
        Refusal: NOT_WAITING: already approved, ended, or no approval required.
        Refused: the actor granted it, is the grantee, or supervises another desk.
    """
    found = _others(actor, "habilitation.grant", habilitation_id)
    require(
        actor, "habilitation.grant", Resource(desk_id=found.desk_id, owner_id=found.granted_by_id)
    )
    try:
        with transaction.atomic():
            HabilitationApproval.objects.create(
                habilitation_id=found.id,
                granted_by_id=found.granted_by_id,
                approver_id=actor.person_id,
                approved_at=now,
            )
            _log(actor=actor, action="habilitation.approve", now=now, habilitation=found)
    except DatabaseError as error:  # a database rule, see migration 0010
        raise Refusal("habilitation", "NOT_WAITING") from error


def revoke_habilitation(
    *, actor: Actor, habilitation_id: UUID, reason: RevocationReason, now: datetime
) -> None:
    """Revoke a habilitation (grant of a role) now, for a reason; open sessions lose the role at once.

    An earlier revocation stays as it is. If a machine whose clock is ahead of this one's granted the role at
    an instant after `now`, it is revoked at that instant.

    Raises:
        Habilitation.DoesNotExist: no such habilitation.
        Refusal: ENDS_LATER: its revocation is recorded at an instant after `now`, and stays there.
        Refused: it is the actor's own, or belongs to another desk.
    """
    with transaction.atomic():
        found = _others(actor, "habilitation.revoke", habilitation_id)
        end, made = Revocation.objects.get_or_create(
            habilitation=found,
            defaults={
                "revoked_at": max(now, found.granted_at),
                "revoked_by_id": actor.person_id,
                "reason_code": reason.value,
            },
        )
        if made:
            _log(actor=actor, action="habilitation.revoke", now=now, habilitation=found)
        elif end.revoked_at > now:
            raise Refusal("habilitation", "ENDS_LATER")


def review_habilitation(
    *, actor: Actor, habilitation_id: UUID, verdict: ReviewVerdict, now: datetime
) -> None:
    """Record a quarterly review of a habilitation (grant of a role); the verdict REVOKE also revokes it.

    Raises:
        Habilitation.DoesNotExist: no such habilitation.
        Refusal: ENDS_LATER, as `revoke_habilitation`.
        Refused: it is the actor's own, or belongs to another desk.
    """
    with transaction.atomic():
        found = _others(actor, "habilitation.review", habilitation_id)
        Review.objects.create(
            id=new_id(now),
            habilitation=found,
            reviewed_at=max(now, found.granted_at),
            reviewed_by_id=actor.person_id,
            verdict=verdict.value,
        )
        if verdict is ReviewVerdict.REVOKE:
            revoke_habilitation(
                actor=actor,
                habilitation_id=habilitation_id,
                reason=RevocationReason.REVIEW,
                now=now,
            )


def _others(actor: Actor, action: str, habilitation_id: UUID) -> Habilitation:
    found = Habilitation.objects.get(id=habilitation_id)
    require(actor, action, Resource(desk_id=found.desk_id, owner_id=found.person_id))
    return found


def _check(asked: NewHabilitation) -> None:
    if asked.role in _NEVER:
        raise Refusal("habilitation", "ROLE")
    if (asked.role in AT_A_DESK) is (asked.desk_id is None):
        raise Refusal("habilitation", "DESK")
    if (asked.role in _OF_A_BODY) is (asked.organisation_id is None):
        raise Refusal("habilitation", "ORGANISATION")
    if not asked.act_reference.strip():
        raise Refusal("habilitation", "ACT")
    if not timedelta() < asked.valid_until - asked.valid_from <= LONGEST:
        raise Refusal("habilitation", "DATES")


def _subject(asked: NewHabilitation) -> dict[str, object]:
    return {
        "person_id": asked.person_id,
        "role": asked.role.value,
        "desk_id": asked.desk_id,
        "organisation_id": asked.organisation_id,
    }


def _require_new(actor: Actor, asked: NewHabilitation) -> None:
    """Check that no habilitation (grant of a role) already gives the person this role for all these days.

    Otherwise a form sent twice would grant the role twice. For a person who grants, a habilitation that
    awaits approval counts too; for the system's command it does not.

    Raises:
        Refusal: HELD.
    """
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_GRANT_LOCK])
    same = Habilitation.objects.filter(**_subject(asked), revocation=None)
    if actor.person_id == SYSTEM_PERSON:
        same = same.exclude(needs_approval=True, approval=None)
    if same.filter(valid_from__lte=asked.valid_from, valid_until__gte=asked.valid_until).exists():
        raise Refusal("habilitation", "HELD")


def _log(*, actor: Actor, action: str, now: datetime, habilitation: Habilitation) -> None:
    objects = [
        ObjectRef(kind="habilitation", id=habilitation.id),
        ObjectRef(kind="person", id=habilitation.person_id),
    ]
    detail = {"role": habilitation.role}
    ledger.record(actor=actor, action=action, at=now, objects=objects, detail=detail)
