"""Erasure at expiry: reasons, notes, values that explain a rank, saved views of people who left."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.orient.domain.states import CASE_STATES, CaseState
from fanal.orient.models import Case, StoredView
from fanal.orient.operations.batch import forget_assessed
from fanal.orient.operations.folding import fold_again, hold_folding

# Saved views of people who left.


def forget_views(*, actor: Actor, person_ids: Sequence[UUID]) -> int:
    """Delete the views saved by these people, shared views too; return their number.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    deleted, _ = StoredView.objects.filter(person_id__in=person_ids).delete()
    return int(deleted)


_WAITING = [state for state in CaseState if "expire" in CASE_STATES.moves_from(state)]


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> int:
    """Erase the written reasons of decisions and the text of notes of expired reports; rows and digests stay.

    The keys for folding and for finding similar files are deleted too. A report that still waits leaves the
    queue, since nothing remains to decide on, and reports folded into it are folded again among the rest. The
    text of a note on a dossier expires with the first of its reports. Return the number of erased texts. The
    caller writes the ledger entry of the expiry.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic():
        erased = sql.run(
            "DELETE FROM orient_reason WHERE decision_id IN"
            " (SELECT id FROM orient_decision WHERE report_id = ANY(%s))",
            [ids],
        )
        found = sql.run(
            "DELETE FROM orient_note_words WHERE note_id IN"
            " (SELECT id FROM orient_note WHERE report_ids && %s::uuid[])",
            [ids],
        )
        erased += found
        found = sql.run(
            "DELETE FROM orient_unfolding_words WHERE unfolding_id IN"
            " (SELECT id FROM orient_unfolding WHERE report_id = ANY(%s))",
            [ids],
        )
        erased += found
        _end_waiting(ids)
        sql.run("DELETE FROM orient_fold WHERE report_id = ANY(%s)", [ids])
        forget_assessed(ids)
        sql.run(
            "UPDATE orient_case SET own = NULL, reason_parameters = '{}', platform = ''"
            " WHERE report_id = ANY(%s)",
            [ids],
        )
    return int(erased)


def _end_waiting(ids: list[UUID]) -> None:
    """Set waiting reports to EXPIRED and fold again the reports that were folded into them."""
    hold_folding()
    behind = Case.objects.filter(head_id__in=ids).exclude(report_id__in=ids)
    shown = list(behind.values_list("report_id", flat=True))
    Case.objects.filter(report_id__in=ids, state__in=_WAITING).update(
        state=CaseState.EXPIRED, head_id=None, claimed_by=None, lease_until=None
    )
    fold_again(shown)
