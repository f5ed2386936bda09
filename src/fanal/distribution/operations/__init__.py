"""Write operations of distribution: destinations, recipients and their keys, packages, acknowledgements."""

from fanal.distribution.operations.answers import AcknowledgementRefused, acknowledge
from fanal.distribution.operations.planning import plan_batch
from fanal.distribution.operations.recipients import (
    RecipientRefused,
    add_recipient,
    close_recipient,
)
from fanal.distribution.operations.senders import (
    SenderRefused,
    add_sender,
    revoke_sender,
    rotate_sender,
)
from fanal.distribution.operations.sending import TurnOutcome, send
from fanal.distribution.operations.taking import Opened, take

__all__ = [
    "AcknowledgementRefused",
    "Opened",
    "RecipientRefused",
    "SenderRefused",
    "TurnOutcome",
    "acknowledge",
    "add_recipient",
    "add_sender",
    "close_recipient",
    "plan_batch",
    "revoke_sender",
    "rotate_sender",
    "send",
    "take",
]
