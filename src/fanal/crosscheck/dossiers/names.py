"""The names that people give to dossiers.

A name is stored for the earliest report of the dossier at the person's desk. It goes with that report when
dossiers merge or split, only that desk sees it, and it is deleted when the report is erased (ADR 0082).
"""

import re
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import Resource, reach, require
from fanal.crosscheck.dossiers.queries import desks_of_reports, in_use, members_of
from fanal.db import sql
from fanal.intake.operations.lifecycle import require_unerased
from fanal.intake.queries.reviews import erased_among
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

LONGEST_NAME = 80
"""Most characters of a dossier's name, as the table's CHECK has it."""
_UNREADABLE = re.compile("[\0\ud800-\udfff]")


class NothingToName(LookupError):
    """Error: the dossier holds no report of the actor's desks that is not erased."""


def name_dossier(*, actor: Actor, dossier_id: UUID, name: str, now: datetime) -> None:
    """Name a dossier, at the desk of its earliest report that the actor may see and that is not erased.

    Runs of blanks and line breaks count as one space. An unchanged name writes nothing. An empty `name`
    withdraws the name from every report of the dossier that bears one at that desk, so that it does not
    return after a split or an erasure.

    Raises:
        NothingToName: the dossier holds no report of the actor's desks, or only erased ones.
        Refused: the actor may not write notes on dossiers at that desk.
        Refusal: TOO_LONG (over `LONGEST_NAME` characters); UNREADABLE (NUL, a lone surrogate); ERASED, of a
            report erased meanwhile.
    """
    dossier_id = in_use(dossier_id)
    members = members_of(actor=actor, dossier_id=dossier_id)
    left = erased_among(report_ids=members)
    report_id = next((one for one in members if one not in left), None)
    if report_id is None:
        raise NothingToName
    desk_id = desks_of_reports([report_id])[report_id]
    require(actor, "dossier.note", Resource(desk_id=desk_id))
    given = _checked(name)
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="dossier_name")
        if names_of(actor=actor, dossier_ids=[dossier_id]).get(dossier_id, "") == given:
            return
        named = [report_id] if given else _named(desk_id, members) or [report_id]
        objects = [ObjectRef(kind="dossier", id=dossier_id)]
        for one in named:
            name_id = new_id(now)
            sql.run(
                "INSERT INTO crosscheck_name (id, report_id, desk_id, name, author_id, named_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [name_id, one, desk_id, given, actor.person_id, now],
            )
            digest = ledger.keyed_digest(
                kind="dossier_name", object_id=name_id, content=given.encode()
            )
            objects += [
                ObjectRef(kind="report", id=one),
                ObjectRef(kind="dossier_name", id=name_id, digest=digest),
            ]
        ledger.record(actor=actor, action="dossier.name", at=now, objects=objects)


def _named(desk_id: int, report_ids: Collection[UUID]) -> list[UUID]:
    """Return those of the reports whose newest dossier name at a desk is not empty."""
    found = sql.rows(
        "SELECT DISTINCT ON (report_id) report_id, name FROM crosscheck_name"
        " WHERE desk_id = %s AND report_id = ANY(%s::uuid[])"
        " ORDER BY report_id, named_at DESC, id DESC",
        [desk_id, list(report_ids)],
    )
    return [report_id for report_id, name in found if name]


def names_of(*, actor: Actor, dossier_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names that people of the actor's desks gave to dossiers, by dossier id.

    The newest name counts; a dossier without a name, or whose name was withdrawn, is absent.
    """
    desks = reach(actor, "dossier.read").desks
    if desks == [] or not dossier_ids:
        return {}
    found = sql.rows(
        "SELECT DISTINCT ON (m.dossier_id) m.dossier_id, n.name FROM crosscheck_membership m"
        " JOIN crosscheck_name n ON n.report_id = m.report_id"
        " WHERE m.dossier_id = ANY(%(ids)s::uuid[])"
        " AND (%(desks)s::int[] IS NULL OR n.desk_id = ANY(%(desks)s::int[]))"
        " ORDER BY m.dossier_id, n.named_at DESC, n.id DESC",
        {"ids": list(dossier_ids), "desks": desks},
    )
    return {dossier_id: name for dossier_id, name in found if name}


def _checked(name: str) -> str:
    if _UNREADABLE.search(name):
        raise Refusal("dossier_name", "UNREADABLE")
    given = " ".join(stripped(name).split())
    if len(given) > LONGEST_NAME:
        raise Refusal("dossier_name", "TOO_LONG", most=LONGEST_NAME)
    return given
