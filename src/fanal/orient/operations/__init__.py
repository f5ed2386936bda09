"""Public write operations of the orient package."""

from fanal.orient.domain.records import OrientItem
from fanal.orient.operations.alarms import (
    acknowledge_alarm,
    escalate_alarms,
    raise_alarm,
    raise_written,
    record_raised,
)
from fanal.orient.operations.batch import orient_batch
from fanal.orient.operations.claims import (
    LEASE,
    CaseTaken,
    CaseUnknown,
    claim_case,
    mark_late,
    release_case,
    renew_claim,
    withdraw_case,
)
from fanal.orient.operations.decisions import (
    CaseNotHeld,
    close_case,
    decide,
    hold_decision,
    reopen_case,
    settle_case,
)
from fanal.orient.operations.erase import erase, forget_views
from fanal.orient.operations.feedback import (
    NEWEST,
    NoInstruction,
    NothingToJudge,
    give_feedback,
    send_feedback,
)
from fanal.orient.operations.folding import fold_freed
from fanal.orient.operations.handover import hand_over
from fanal.orient.operations.notes import NoteRefused, NothingToNote, note_dossier, note_report
from fanal.orient.operations.outbox import (
    claim_calls,
    end_answered,
    hold_caller,
    others_reach,
    queue_late,
    record_delivery,
    record_failure,
    record_reached,
    requeue_left,
    show_alive,
)
from fanal.orient.operations.unfolding import NotFolded, claim_folded, unfold
from fanal.orient.operations.views import (
    MAX_NAME,
    MAX_VIEWS,
    ViewRefused,
    ViewUnknown,
    delete_view,
    rename_view,
    save_view,
)

__all__ = [
    "LEASE",
    "MAX_NAME",
    "MAX_VIEWS",
    "NEWEST",
    "CaseNotHeld",
    "CaseTaken",
    "CaseUnknown",
    "NoInstruction",
    "NotFolded",
    "NoteRefused",
    "NothingToJudge",
    "NothingToNote",
    "OrientItem",
    "ViewRefused",
    "ViewUnknown",
    "acknowledge_alarm",
    "claim_calls",
    "claim_case",
    "claim_folded",
    "close_case",
    "decide",
    "delete_view",
    "end_answered",
    "erase",
    "escalate_alarms",
    "fold_freed",
    "forget_views",
    "give_feedback",
    "hand_over",
    "hold_caller",
    "hold_decision",
    "mark_late",
    "note_dossier",
    "note_report",
    "orient_batch",
    "others_reach",
    "queue_late",
    "raise_alarm",
    "raise_written",
    "record_delivery",
    "record_failure",
    "record_raised",
    "record_reached",
    "release_case",
    "rename_view",
    "renew_claim",
    "reopen_case",
    "requeue_left",
    "save_view",
    "send_feedback",
    "settle_case",
    "show_alive",
    "unfold",
    "withdraw_case",
]
