"""Erasure at expiry: links quote values, reasons are free text; both go, judgements and counts stay."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.crosscheck.domain.cards import read_card, signed
from fanal.crosscheck.operations import near_spelling
from fanal.crosscheck.operations.near_store import later_of, let_wait, wait_for_it
from fanal.kernel.actors import Actor


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> int:
    """Delete cards, sketches, links, memberships and written reasons of reports; return the number of rows.

    The caller writes the ledger entry of the expiry, which covers every stage.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        wait_for_it()  # who holds an identifier first is found by one at a time
        values, stepped_in = near_spelling.drop(ids)
        let_wait((later_of(ids) | stepped_in) - set(ids))  # others step in beside them, or for them
        # What is remembered beside a value was made from these cards too: it is gathered anew when needed.
        cursor.execute("SELECT card FROM crosscheck_card WHERE report_id = ANY(%s::uuid[])", [ids])
        erased = values
        keys = {v.key for (card,) in cursor.fetchall() for v in read_card(bytes(card)).values}
        cursor.execute(
            "DELETE FROM crosscheck_value WHERE key = ANY(%s::bigint[])",
            [[signed(k) for k in keys]],
        )
        for statement in (
            "DELETE FROM crosscheck_card WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_resemblance WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_resemblance WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_waiting WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_sketch WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_near WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_near WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_answer WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_answer WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_link WHERE report_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_link WHERE other_id = ANY(%s::uuid[])",
            "DELETE FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[])",
            (
                "DELETE FROM crosscheck_reason r USING crosscheck_judgement j"
                " WHERE j.id = r.judgement_id AND (j.left_ids || j.right_ids) && %s::uuid[]"
            ),
        ):
            cursor.execute(statement, [ids])
            erased += cursor.rowcount
    return erased
