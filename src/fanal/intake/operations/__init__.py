"""The writing door of intake."""

from fanal.intake.operations.challenges import spend_challenge
from fanal.intake.operations.follow import (
    ANSWER_SPAN,
    MAX_MESSAGE,
    MOST_ANSWERS,
    AnswersSpent,
    MessageRefused,
    NotReachable,
    answer_desk,
    ask_reporter,
)
from fanal.intake.operations.hashes import note_hashes
from fanal.intake.operations.lifecycle import (
    expire_reports,
    finish_report,
    retract_report,
)
from fanal.intake.operations.queue import (
    LeaseLost,
    advance_claims,
    claim_batch,
    fail_claims,
    list_held,
    put_back,
    renew_claims,
    replay_stage,
    stop_claims,
    urgent_waits,
)
from fanal.intake.operations.receive import receive_reports
from fanal.intake.operations.refusals import count_refusal, forget_refusals
from fanal.intake.operations.retention import (
    forget_identities,
    forget_messages,
    forget_reports,
    lift_holds,
    place_hold,
)
from fanal.intake.operations.reviews import ReviewRefused, review_report, second_review
from fanal.intake.operations.wire import MOST_FILES, WireRefused, describe_file, upload_file

__all__ = [
    "ANSWER_SPAN",
    "MAX_MESSAGE",
    "MOST_ANSWERS",
    "MOST_FILES",
    "AnswersSpent",
    "LeaseLost",
    "MessageRefused",
    "NotReachable",
    "ReviewRefused",
    "WireRefused",
    "advance_claims",
    "answer_desk",
    "ask_reporter",
    "claim_batch",
    "count_refusal",
    "describe_file",
    "expire_reports",
    "fail_claims",
    "finish_report",
    "forget_identities",
    "forget_messages",
    "forget_refusals",
    "forget_reports",
    "lift_holds",
    "list_held",
    "note_hashes",
    "place_hold",
    "put_back",
    "receive_reports",
    "renew_claims",
    "replay_stage",
    "retract_report",
    "review_report",
    "second_review",
    "spend_challenge",
    "stop_claims",
    "upload_file",
    "urgent_waits",
]
