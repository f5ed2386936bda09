"""Files that come after their report: the same document again, now with what it came without.

They become part of the report as if they had come with it, once, and it goes through the stages again.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.intake.domain.keys import fingerprint_of
from fanal.intake.domain.records import Submission
from fanal.intake.domain.states import Stage
from fanal.intake.operations import rows
from fanal.intake.operations.attached import store_files
from fanal.intake.operations.keys import enclose
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.vault import operations as vault

# What its sender took back, what expired and what was erased keeps what it had.
_HOLD = (
    "SELECT (SELECT count(*) FROM intake_upload u WHERE u.report_id = r.id) FROM intake_report r"
    " WHERE r.id = %s AND r.state IN ('OPEN', 'FINISHED') AND r.erased_at IS NULL FOR UPDATE OF r"
)
# Whatever a worker does with the report at this moment was read without the files: its lease ends here.
_AGAIN = """
INSERT INTO intake_work (report_id, stage, urgent, slow_lane)
SELECT id, %s, urgent, slow_lane FROM intake_report WHERE id = %s AND state = 'FINISHED' AND NOT is_test
ON CONFLICT (report_id) DO UPDATE SET stage = EXCLUDED.stage, attempts = 0, quarantined_at = NULL,
    error = '', lease_token = NULL, lease_until = NULL, not_before = now()
"""


class Addition(Struct, frozen=True, kw_only=True):
    """A repeat with what its report came without."""

    report_id: UUID
    submission: Submission


def complete_reports(*, actor: Actor, additions: Sequence[Addition], now: datetime) -> set[UUID]:
    """Add to reports what they came without; return those that took it. Part of the caller's transaction.

    Raises:
        KeyRaced: another request was faster; whether it brought the same is seen at the next look.
        OSError: the vault could not write.
        Exception: whatever the stream of a file raises.
    """
    return {each.report_id for each in additions if _complete(actor, each, now)}


def _complete(actor: Actor, addition: Addition, now: datetime) -> bool:
    report_id, submission = addition.report_id, addition.submission
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [report_id])
        held = cursor.fetchone()
    if held is None:
        return False
    enclose(report_id, fingerprint_of(submission.canonical, submission.enclosed))
    details = [(new_id(now), document) for document in submission.details]
    vault.seal_batch(
        items=[
            vault.Sealable(id=object_id, plaintext=document, kind="details", owner_id=report_id)
            for object_id, document in details
        ],
        now=now,
    )
    first = int(held[0])
    rows.insert_details({report_id: [object_id for object_id, _ in details]}, first=first)
    store_files(report_id, submission.files, first=first + len(details), now=now)
    with connection.cursor() as cursor:
        cursor.execute(_AGAIN, [Stage.HARMONISE, report_id])
    ledger.record(
        actor=actor,
        action="report.upload",
        at=now,
        objects=[ledger.ObjectRef(kind="report", id=report_id)],
        detail={"files": len(details) + len(submission.files), "arrival": submission.arrival},
    )
    return True
