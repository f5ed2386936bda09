"""What stands before an act on assignments: a report in somebody's charge, a notification."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

from fanal.accounts.models import User
from fanal.orient.assignment.domain import Assignment, version_of
from fanal.orient.assignment.operations import assign_report
from fanal.orient.assignment.queries import record_of
from fanal.orient.models import Case, StoredAssignment
from fanal.orient.notifications.domain import NotificationKind
from fanal.orient.notifications.operations import notify
from fanal.orient.notifications.queries import list_notifications
from tests.integration.policy.held import rights
from tests.integration.policy.scenes import Posted, Scene, taken, waiting
from tests.integration.policy.walking import CELLS


def in_charge(scene: Scene) -> Posted:
    """Have the report held by the walker, where they may, and fill in to whom it goes."""
    taken(scene)
    case = Case.objects.get(report_id=scene.report_id).record()
    to = User.objects.get(username=_other(scene)).person_id
    return Posted(
        form={
            "to": str(to),
            "shown": version_of(case, None, now=datetime.now(UTC)),
            "act": str(uuid4()),
        }
    )


def _other(scene: Scene) -> str:
    return f"colleague-{'own' if scene.cell == 'sealed' else scene.cell}"


def _handed(scene: Scene) -> Assignment:
    taken(scene)
    return assign_report(
        actor=scene.whoever("report.claim"),
        report_id=scene.report_id,
        to=scene.colleague.person_id,
        now=datetime.now(UTC),
    )


def handed(scene: Scene) -> Posted:
    """Have the report handed over to a colleague by the walker, where they may."""
    given = _handed(scene)
    case = Case.objects.get(report_id=scene.report_id).record()
    return Posted(
        form={"shown": version_of(case, given, now=datetime.now(UTC))},
        address={"act_id": given.act_id},
    )


def shown_in_bulk(scene: Scene) -> str:
    """What the page of a selection says that it showed of who is in charge."""
    case = Case.objects.get(report_id=scene.report_id).record()
    row = StoredAssignment.objects.filter(report_id=scene.report_id, ended_at=None).first()
    version = version_of(case, record_of(row) if row else None, now=datetime.now(UTC))
    return f"{scene.report_id}:{sha256(version.encode()).hexdigest()[:16]}"


def handed_somewhere(scene: Scene) -> Posted:
    """Have a report handed over at a desk where the walker may: the act itself names no report."""
    return handed(_reached(scene, "report.claim"))


def _reached(scene: Scene, action: str) -> Scene:
    cells = rights(scene.walker, action)
    return next((replace(scene, cell=cell) for cell in CELLS if cell in cells), scene)


def given(scene: Scene) -> Posted:
    """Have the report assigned to the walker by a supervisor, where they may work on it."""
    waiting(scene)
    person = scene.whoever("report.claim")
    to = scene.colleague if person == scene.keeper else person
    given = assign_report(
        actor=scene.keeper, report_id=scene.report_id, to=to.person_id, now=datetime.now(UTC)
    )
    case = Case.objects.get(report_id=scene.report_id).record()
    return Posted(form={"shown": version_of(case, given, now=datetime.now(UTC))})


def notified(scene: Scene) -> Posted:
    """Have a notification of the walker on a report of a desk where they list reports."""
    scene = _reached(scene, "report.list")
    person = scene.whoever("report.list")
    now = datetime.now(UTC)
    notify(
        kind=NotificationKind.ANSWER,
        people=[person.person_id],
        desk_id=scene.desk_id,
        report_id=scene.report_id,
        now=now,
    )
    ids = [str(one.id) for one in list_notifications(actor=person)]
    return Posted(form={"ids": " ".join(ids)})


OWN = frozenset({in_charge, handed, handed_somewhere, given, notified})
