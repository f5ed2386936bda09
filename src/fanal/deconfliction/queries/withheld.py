"""What desks withhold of their dossiers, and which reports that keeps out of a set."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import may, require
from fanal.crosscheck import queries as crosschecked
from fanal.deconfliction.domain.records import Withholding
from fanal.kernel.actors import Actor

_IN_FORCE = """
    SELECT DISTINCT ON (w.dossier_id, w.desk_id, w.counterpart_id)
        w.dossier_id, w.withheld, w.report_ids, w.counterpart_id
    FROM deconfliction_withholding w
    ORDER BY w.dossier_id, w.desk_id, w.counterpart_id, w.id DESC
"""


def withheld_reports(*, actor: Actor, counterpart_id: UUID) -> list[UUID]:
    """Return the reports whose identifiers are withheld from a counterpart.

    Those that are in a withheld dossier now, and those that were when it was withheld: what a later
    judgement takes out of a dossier is not opened by that.

    Raises:
        Refused: the actor runs no rounds.
    """
    require(actor, "deconfliction.run")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT dossier_id, report_ids FROM ({_IN_FORCE}) w WHERE w.withheld"  # noqa: S608
            " AND (w.counterpart_id IS NULL OR w.counterpart_id = %s)",
            [counterpart_id],
        )
        rows = cursor.fetchall()
    found = {report_id for _, report_ids in rows for report_id in report_ids}
    for dossier_id in {row[0] for row in rows}:
        found.update(crosschecked.members_of(actor=actor, dossier_id=dossier_id))
    return sorted(found)


def in_force(*, said: Sequence[Withholding]) -> list[Withholding]:
    """Return what is withheld now, of everything that was said of some dossiers (newest first)."""
    last = {(one.dossier_id, one.desk_id, one.counterpart_id): one for one in reversed(said)}
    return [one for one in last.values() if one.withheld]


def withholdings_of(*, actor: Actor, dossier_ids: Sequence[UUID]) -> list[Withholding]:
    """Return what was said of dossiers, newest first; nothing to whoever reads no dossiers.

    What was said of a dossier that was merged into one of these is among it, under its own id. Row-level
    security bounds them by desk; the words are shown to the desk that wrote them.
    """
    if not may(actor, "dossier.read"):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.id, w.dossier_id, w.desk_id, w.counterpart_id, w.withheld, w.author_id, w.made_at,"
            " coalesce(t.words, '') FROM deconfliction_withholding w"
            " LEFT JOIN deconfliction_withholding_words t ON t.withholding_id = w.id"
            " WHERE crosscheck_in_use(w.dossier_id) = ANY(%s::uuid[]) ORDER BY w.id DESC",
            [list(dossier_ids)],
        )
        return [
            Withholding(
                id=row[0],
                dossier_id=row[1],
                desk_id=row[2],
                counterpart_id=row[3],
                withheld=row[4],
                author_id=row[5],
                made_at=row[6],
                words=row[7],
            )
            for row in cursor.fetchall()
        ]
