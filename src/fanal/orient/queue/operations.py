"""Claims of cases (a lease with a fencing token: two people never work on the same report), and saved views.

The token rises with each new holder. Every write on behalf of a claim must carry the token; a holder whose
lease was taken over is refused, even from a page that is still open.
"""

import unicodedata
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from fanal import reference
from fanal.accounts.domain.policy import Refused, Resource, allows, reach, require
from fanal.db import sql
from fanal.intake.queries.envelopes import sender_of
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.domain.clocks import due_at
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.domain.filters import stated_by
from fanal.orient.domain.records import CaseClaim, QueueFilter, QueueView
from fanal.orient.domain.states import CASE_STATES, CaseState
from fanal.orient.models import Case, StoredView

# Marks overdue cases: the view LATE reads them in queue order.

# Rows locked by others wait for the next run. A trigger clears the mark when `due_at` changes. The CTE is
# materialised: within IN, a nested loop would evaluate it again for each row and exceed the limit.
_MARK = """
WITH picked AS MATERIALIZED (
    SELECT report_id FROM orient_case
    WHERE NOT late AND state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND') AND due_at <= %s
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE orient_case c SET late = true FROM picked WHERE c.report_id = picked.report_id
"""


def mark_late(*, actor: Actor, now: datetime, most: int = 2000) -> int:
    """Mark at most `most` waiting reports as late at `now`, longest overdue first; return their number.

    The view LATE reads marked reports in queue order, and adds the few that are overdue and not marked yet.
    The ledger gets no entry, since the mark only repeats what `due_at` says.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    return sql.run(_MARK, [now, most])


LEASE = timedelta(minutes=15)


class CaseUnknown(Exception):
    """Error: the report has no row (case) in the queue."""


class CaseTaken(Exception):
    """Error: somebody else has claimed the report, or its state allows no claim.

    `state` is the state of its case, `holder` the id of the person who has claimed it, None if nobody has.
    """

    def __init__(self, report_id: UUID, *, state: CaseState, holder: UUID | None) -> None:
        super().__init__(f"{report_id} is {state}")
        self.report_id, self.state, self.holder = report_id, state, holder


_CLAIM = """
UPDATE orient_case SET
    state = 'CLAIMED', claimed_by = %(person)s, lease_until = %(until)s,
    due_at = CASE WHEN claim_token = 0 THEN %(decide_by)s ELSE due_at END,
    claim_token = claim_token + CASE
        WHEN state = 'CLAIMED' AND claimed_by = %(person)s AND lease_until > %(now)s THEN 0 ELSE 1 END
WHERE report_id = %(report)s AND (
    state = 'TO_ASSESS'
    OR state = 'CLAIMED' AND (lease_until <= %(now)s OR claimed_by = %(person)s))
RETURNING claim_token
"""


def claim_case(*, actor: Actor, report_id: UUID, now: datetime) -> CaseClaim:
    """Claim a report for 15 minutes; a claim by its holder renews the lease under the same token.

    After the lease has lapsed, the same person gets a new token. The first claim ends the deadline to claim
    the case; from then on the deadline to decide applies.

    Raises:
        CaseUnknown: no such case.
        CaseTaken: somebody else holds it, or its state allows no claim.
        Refused: the actor may not claim at this desk.
    """
    until = now + LEASE
    with transaction.atomic():
        before = Case.objects.select_for_update().filter(report_id=report_id).first()
        if before is None:
            raise CaseUnknown(str(report_id))
        require(actor, "report.claim", Resource(desk_id=before.desk_id))
        row = sql.row(
            _CLAIM,
            {
                "person": actor.person_id,
                "until": until,
                "now": now,
                "report": report_id,
                "decide_by": _decide_by(before),
            },
        )
        if row is None:
            raise CaseTaken(report_id, state=CaseState(before.state), holder=before.claimed_by)
        if row[0] != before.claim_token:
            CASE_STATES.apply(CaseState(before.state), "claim")
            _record_claim(actor, before, token=row[0], now=now)
    return CaseClaim(
        report_id=report_id, person_id=actor.person_id, token=row[0], lease_until=until
    )


def _decide_by(case: Case) -> datetime:
    return due_at(
        catalogue=reference.load(),
        state=CaseState.CLAIMED,
        level=case.level,
        received_at=case.received_at,
        decided_at=None,
        taken=True,
    )


def renew_claim(
    *, actor: Actor, report_id: UUID, claim_token: int, now: datetime
) -> CaseClaim | None:
    """Renew a lease for 15 minutes; return None when it is lost (claimed by another, or released).

    `claim_token`: its fencing token (`CaseClaim.token`). A lapsed lease that nobody else claimed is renewed.
    """
    until = now + LEASE
    renewed = Case.objects.filter(
        report_id=report_id,
        state=CaseState.CLAIMED,
        claimed_by=actor.person_id,
        claim_token=claim_token,
    ).update(lease_until=until)
    if not renewed:
        return None
    return CaseClaim(
        report_id=report_id, person_id=actor.person_id, token=claim_token, lease_until=until
    )


def release_case(*, actor: Actor, report_id: UUID, claim_token: int, now: datetime) -> bool:
    """Release a claimed report to the queue; return False when the actor no longer held it under that token.

    `claim_token`: the fencing token of the claim (`CaseClaim.token`).
    """
    target = CASE_STATES.apply(CaseState.CLAIMED, "release")
    with transaction.atomic():
        released = Case.objects.filter(
            report_id=report_id,
            state=CaseState.CLAIMED,
            claimed_by=actor.person_id,
            claim_token=claim_token,
        ).update(state=target, claimed_by=None, lease_until=None)
        if released:
            ledger.record(actor=actor, action="case.release", at=now, objects=[_ref(report_id)])
    return bool(released)


def withdraw_case(*, actor: Actor, report_id: UUID, now: datetime) -> bool:
    """Withdraw the queue row of a report that its sender retracted; return False if it has no undecided
    row.
    """
    with transaction.atomic():
        # A public node may not read cases: a database function does it.
        if not sql.one("SELECT orient_withdraw(%s, %s)", [report_id, sender_of(actor=actor)])[0]:
            return False
        ledger.record(
            actor=actor,
            action="case.close",
            at=now,
            objects=[_ref(report_id)],
            detail={"move": "withdraw"},
        )
    return True


def _record_claim(actor: Actor, before: Case, *, token: int, now: datetime) -> None:
    if before.state == CaseState.CLAIMED and before.claimed_by is not None:
        ledger.record(
            actor=actor,
            action="case.lose",
            at=now,
            objects=[_ref(before.report_id), ObjectRef(kind="person", id=before.claimed_by)],
        )
    ledger.record(
        actor=actor,
        action="case.claim",
        at=now,
        objects=[_ref(before.report_id)],
        detail={"token": token},
    )


def _ref(report_id: UUID) -> ObjectRef:
    return ObjectRef(kind="report", id=report_id)


# Saved views are preferences and hold no report: they can be renamed and deleted, and the ledger does not
# record them.

MAX_VIEWS = 20
"""Largest number of views saved by a person, and shared by a desk: a list longer than this is not read."""
MAX_NAME = 60
_LOCK = 0x46_4E_56_57  # "FNVW"; saving is rare, so that one lock serves all


class ViewUnknown(LookupError):
    """Error: there is no such saved view, or the actor may not change it."""


def save_view(
    *,
    actor: Actor,
    name: str,
    view: QueueView,
    filters: QueueFilter,
    now: datetime,
    share_with: int | None = None,
) -> UUID:
    """Save a view and its filters under a name and return its id.

    `share_with` is the desk that the view is shared with; None for a personal view.

    Raises:
        Refused: the actor may not save views, or may not share them at that desk.
        Refusal: NO_NAME (blank), TOO_LONG (over `MAX_NAME` characters), UNREADABLE (a NUL or lone surrogate),
            NAME_TAKEN (another such view has this name), TOO_MANY (`MAX_VIEWS` views already).
    """
    desk_id = share_with if share_with is not None else _own_desk(actor)
    if share_with is None:
        require(actor, "view.keep", Resource(owner_id=actor.person_id))
    else:
        require(actor, "view.share", Resource(desk_id=share_with))
    text, stated = _checked(name), stated_by(filters)
    row = StoredView(
        id=new_id(now),
        desk_id=desk_id,
        person_id=actor.person_id,
        shared=share_with is not None,
        name=text,
        folded=text.casefold(),
        view=view,
        kind=stated.pop("kind", ""),
        channel=stated.pop("channel", ""),
        country=stated.pop("country", ""),
        level=stated.pop("level", ""),
        more=stated,
        saved_at=now,
    )
    with transaction.atomic():
        _alone()
        beside = _beside(row)
        _refuse_taken(beside, row.name)
        if beside.count() >= MAX_VIEWS:
            raise Refusal("view", "TOO_MANY")
        row.save(force_insert=True)
    return row.id


def rename_view(*, actor: Actor, view_id: UUID, name: str) -> None:
    """Rename a saved view of the queue.

    Raises:
        ViewUnknown: neither the actor's own nor shared at a desk where the actor may share views.
        Refusal: NO_NAME (blank), TOO_LONG (over `MAX_NAME` characters), UNREADABLE (a NUL or lone surrogate),
            NAME_TAKEN (another such view has this name).
    """
    text = _checked(name)
    with transaction.atomic():
        _alone()
        row = _changeable(actor, view_id)
        _refuse_taken(_beside(row).exclude(id=row.id), text)
        row.name, row.folded = text, text.casefold()
        row.save(update_fields=["name", "folded"])


def delete_view(*, actor: Actor, view_id: UUID) -> None:
    """Delete a saved view of the queue.

    Raises:
        ViewUnknown: neither the actor's own nor shared at a desk where the actor may share views.
    """
    _changeable(actor, view_id).delete()


def _own_desk(actor: Actor) -> int:
    """Return the desk that a personal view is stored under: the smallest id where the actor lists reports.

    Raises:
        Refused: the actor lists reports at no particular desk.
    """
    desks = reach(actor, "report.list").desk_ids
    if not desks:
        raise Refused("view.keep", allows(actor, "view.keep").reason_code)
    return min(desks)


def _changeable(actor: Actor, view_id: UUID) -> StoredView:
    row = StoredView.objects.filter(id=view_id).first()
    if row is None:
        raise ViewUnknown
    action = "view.share" if row.shared else "view.keep"
    about = Resource(desk_id=row.desk_id) if row.shared else Resource(owner_id=row.person_id)
    if not allows(actor, action, about).allowed:
        raise ViewUnknown
    return row


def _beside(row: StoredView) -> QuerySet[StoredView]:
    """Return the stored views among which the name of `row` is unique, and whose number `MAX_VIEWS` limits.

    They include `row` once it is stored: the views shared at its desk if `row` is shared, otherwise the
    person's own ones at that desk.
    """
    rows = StoredView.objects.filter(desk_id=row.desk_id, shared=row.shared)
    return rows if row.shared else rows.filter(person_id=row.person_id)


def _refuse_taken(rows: QuerySet[StoredView], name: str) -> None:
    if rows.filter(folded=name.casefold()).exists():
        raise Refusal("view", "NAME_TAKEN")


def _alone() -> None:
    """Take the advisory lock of saved views until the end of the transaction.

    So the limit of views and the uniqueness of names hold although several people save at once.
    """
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _checked(name: str) -> str:
    text = unicodedata.normalize("NFC", " ".join(name.split()))
    if not text:
        raise Refusal("view", "NO_NAME")
    if len(text) > MAX_NAME:
        raise Refusal("view", "TOO_LONG")
    if UNSTORABLE.search(text):
        raise Refusal("view", "UNREADABLE")
    return text
