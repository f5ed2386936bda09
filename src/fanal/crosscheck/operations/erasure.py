"""Erase the cross-check data of reports at expiry: links quote values, and written reasons are free text.

What stays is people's judgements without their reasons, counts, the ids of reports with which an erased
report had a certain link, and the document frequency of values that other reports still hold.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.crosscheck.domain.cards import beginning_of, read_card, signed
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.dossiers.operations import lock
from fanal.crosscheck.dossiers.ties import keep_memberships, write_ties
from fanal.crosscheck.similar.operations.store import drop, later_of, let_wait, wait_for_it
from fanal.db import sql
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor

_REASONS = """
WITH RECURSIVE about AS (
    SELECT id FROM crosscheck_judgement WHERE (left_ids || right_ids) && %s::uuid[]
    UNION SELECT j.id FROM crosscheck_judgement j JOIN about ON j.undoes = about.id
)
DELETE FROM crosscheck_reason r USING about WHERE r.judgement_id = about.id
"""
"""Reasons of judgements on reports, and of those that undo them: an UNDO names no report itself."""


def _forget_states(actor: Actor, keys: Collection[int], ids: Sequence[UUID]) -> None:
    """Delete the frequency states of values of reports that are being erased, with their companions.

    `keys` are the short keys of the values, `ids` the reports. If another report holds a frequent value,
    its frequency step and hub flag stay, marked as kept: otherwise the value would count as rare, and be
    strong evidence, only because reports were erased.
    """
    wanted = [signed(key) for key in keys]
    frequent = sql.rows(
        "SELECT key FROM crosscheck_value WHERE key = ANY(%s::bigint[]) AND (hub OR step > 0)",
        [wanted],
    )
    octets = {beginning_of(key): key for (key,) in frequent}
    held = harmonised.held_beyond(actor=actor, beginnings=list(octets), report_ids=ids)
    kept = [octets[one] for one in held]
    sql.run(
        "DELETE FROM crosscheck_value WHERE key = ANY(%s::bigint[]) AND key <> ALL(%s::bigint[])",
        [wanted, kept],
    )
    sql.run(
        "UPDATE crosscheck_value SET kept = true, companions = '' WHERE key = ANY(%s::bigint[])",
        [kept],
    )


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> int:
    """Delete all cross-check data of reports except people's judgements and counts.

    These data are comparable data, sketches (digests for similarity), compared identifiers, links,
    suggested and similar pairs, answers, memberships, names of dossiers and written reasons; also, without
    being counted, the frequency states of their values. Of certain links the ids stay (`write_ties`).
    Returns the number of deleted rows, compared identifiers counted by different value. The caller writes
    the ledger entry of the expiry, which covers every stage.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        wait_for_it()  # the earliest holder of an identifier is determined by one worker at a time
        lock()  # a batch that has read these reports writes their links first, and they go too
        write_ties(ids, score=load_weights().strong)
        values, stepped_in = drop(ids)
        let_wait((later_of(ids) | stepped_in) - set(ids))  # they get other similar reports
        keep_memberships(ids)
        cursor.execute("SELECT card FROM crosscheck_card WHERE report_id = ANY(%s::uuid[])", [ids])
        erased = values
        keys = {v.key for (card,) in cursor.fetchall() for v in read_card(bytes(card)).values}
        _forget_states(actor, keys, ids)
        for statement in (
            "DELETE FROM crosscheck_card WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_resemblance WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_resemblance WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_waiting WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_unjoined WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_sketch WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_near WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_near WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_answer WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_answer WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_link WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_link WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_name WHERE report_id = ANY(%s::uuid[])",
            _REASONS,
        ):
            cursor.execute(statement, [ids])
            erased += cursor.rowcount
    return erased
