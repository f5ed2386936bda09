"""Read operations on withheld dossiers: the decisions, and the reports whose identifiers they withhold."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from fanal.accounts.domain.policy import may, require
from fanal.accounts.row_scope import across_desks
from fanal.crosscheck.dossiers.queries import co_members, members_of
from fanal.db import sql
from fanal.deconfliction.domain.records import Withholding
from fanal.deconfliction.queries import BEARS_NAME
from fanal.kernel.actors import Actor, system_actor

_MACHINE = system_actor("reports of withheld dossiers")
_IN_FORCE = """
    SELECT DISTINCT ON (w.dossier_id, w.desk_id, w.counterpart_id)
        w.dossier_id, w.withheld, w.report_ids, w.counterpart_id
    FROM deconfliction_withholding w
    ORDER BY w.dossier_id, w.desk_id, w.counterpart_id, w.id DESC
"""


def withheld_reports(*, actor: Actor, counterpart_id: UUID) -> list[UUID]:
    """Return the ids of the reports whose identifiers are withheld from a counterpart (organisation).

    They are the reports in a dossier when it was withheld, and all that are now in that dossier or in one
    with such a report: removing a report from a dossier does not end its withholding, and after a split each
    part with one of them stays withheld. The results are in order of id, each once.

    Raises:
        Refused: the actor may not run rounds.
    """
    require(actor, "deconfliction.run")
    return withheld_from(counterpart_ids=[counterpart_id])


@across_desks()  # ids alone, which only hold reports back
def withheld_from(*, counterpart_ids: Collection[UUID] = ()) -> list[UUID]:
    """Return the ids of the reports withheld from every organisation, or from one of `counterpart_ids`.

    The rules are those of `withheld_reports`; the decision of any desk counts. Access is not checked: the
    caller only leaves these reports out.
    """
    rows = sql.rows(
        f"SELECT dossier_id, report_ids FROM ({_IN_FORCE}) w WHERE w.withheld"  # noqa: S608
        " AND (w.counterpart_id IS NULL OR w.counterpart_id = ANY(%s::uuid[]))",
        [list(counterpart_ids)],
    )
    found = {report_id for _, report_ids in rows for report_id in report_ids}
    found |= co_members(reports=found)
    return sorted(found.union(*(reports_of(dossier_id=one) for one in {row[0] for row in rows})))


@across_desks()  # ids alone, which only hold reports back
def reports_of(*, dossier_id: UUID) -> set[UUID]:
    """Return the ids of a dossier's reports at every desk. Access is not checked: they are not shown."""
    return set(members_of(actor=_MACHINE, dossier_id=dossier_id))


def reports_withheld(*, withholding_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Return, by the id of a decision to withhold a dossier, the reports stored with it. No access check."""
    found = sql.rows(
        "SELECT id, report_ids FROM deconfliction_withholding WHERE id = ANY(%s::uuid[])",
        [list(withholding_ids)],
    )
    return {withholding_id: set(report_ids) for withholding_id, report_ids in found}


@across_desks()  # names of organisations, no dossier
def withheld_names() -> dict[UUID, str]:
    """Return, by id, the names of the counterparts (organisations) that some dossier is withheld from."""
    return dict(
        sql.rows(
            f"SELECT DISTINCT c.id, c.name FROM ({_IN_FORCE}) w"  # noqa: S608
            " JOIN deconfliction_counterpart c ON c.id = w.counterpart_id WHERE w.withheld"
        )
    )


def counterparts_of_desk(*, keys: Collection[bytes], name: str) -> list[UUID]:
    """Return the ids of the counterparts (organisations) that are a desk which receives packages of reports.

    They have or had its name, or one of its signing keys (`keys`), which sign its messages too. Case and
    blanks of names do not count.
    """
    found = sql.rows(
        f"SELECT c.id FROM deconfliction_counterpart c WHERE {BEARS_NAME}"  # noqa: S608
        " OR c.public_key = ANY(%(keys)s::bytea[]) OR EXISTS (SELECT FROM deconfliction_former_key k"
        " WHERE k.counterpart_id = c.id AND k.public_key = ANY(%(keys)s::bytea[]))",
        {"keys": list(keys), "name": name},
    )
    return [counterpart_id for (counterpart_id,) in found]


def answers_out(*, actor: Actor, now: datetime) -> list[tuple[UUID, datetime, datetime]]:
    """Return our answers that counterparts have fetched in rounds of comparison that have not ended.

    Each is (counterpart id, when it was fetched, end of the round): until then the counterpart may still find
    a match in it, whatever was withheld since. The newest comes first.

    Raises:
        Refused: the actor may not read rounds.
    """
    require(actor, "deconfliction.read")
    return sql.rows(
        "SELECT r.counterpart_id, m.delivered_at, r.expires_at FROM deconfliction_round r"
        " JOIN deconfliction_message m ON m.round_id = r.id AND m.kind = 'ANSWER' AND m.ours"
        " WHERE r.state = 'ANSWERED' AND r.expires_at > %s AND m.delivered_at IS NOT NULL"
        " ORDER BY m.delivered_at DESC",
        [now],
    )


def in_force(*, said: Sequence[Withholding]) -> list[Withholding]:
    """Return the decisions in force that withhold dossiers, among all decisions on some dossiers.

    `said` are these, newest first. The latest decision of a desk on a dossier and a counterpart
    (organisation) counts; it may have ended the withholding. The result is in no particular order.
    """
    last = {(one.dossier_id, one.desk_id, one.counterpart_id): one for one in reversed(said)}
    return [one for one in last.values() if one.withheld]


def withholdings_of(*, actor: Actor, dossier_ids: Sequence[UUID]) -> list[Withholding]:
    """Return the decisions by which desks withhold dossiers from other organisations, newest first.

    Decisions that end a withholding are included, and so are those on a dossier merged into one of
    `dossier_ids`, and those on a dossier that had one of its reports then, each under its own dossier id. The
    result is empty without the right to read dossiers. Row-level security restricts them by desk; the reasons
    are readable by the desk that wrote them.
    """
    if not may(actor, "dossier.read"):
        return []
    held = {one for dossier_id in dossier_ids for one in reports_of(dossier_id=dossier_id)}
    found = sql.rows(
        "SELECT w.id, w.dossier_id, w.desk_id, w.counterpart_id, w.withheld, w.author_id, w.made_at,"
        " coalesce(t.words, '') FROM deconfliction_withholding w"
        " LEFT JOIN deconfliction_withholding_words t ON t.withholding_id = w.id"
        " WHERE crosscheck_in_use(w.dossier_id) = ANY(%s::uuid[]) OR w.report_ids && %s::uuid[]"
        " ORDER BY w.id DESC",
        [list(dossier_ids), list(held)],
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
        for row in found
    ]
