"""The writing door of distribution."""

from fanal.distribution.operations.planning import plan_batch
from fanal.distribution.operations.recipients import (
    RecipientRefused,
    add_recipient,
    close_recipient,
)
from fanal.distribution.operations.sending import (
    AcknowledgementRefused,
    Sent,
    acknowledge,
    send,
)

__all__ = [
    "AcknowledgementRefused",
    "RecipientRefused",
    "Sent",
    "acknowledge",
    "add_recipient",
    "close_recipient",
    "plan_batch",
    "send",
]
