"""Write operations of deconfliction: counterparts, limits, the steps of a round, matches, expiry."""

from fanal.deconfliction.operations.concluding import conclude, note_delivered, take_conclusion
from fanal.deconfliction.operations.counterparts import (
    add_counterpart,
    close_counterpart,
    secret_of,
    set_limits,
)
from fanal.deconfliction.operations.expiring import (
    abandon,
    erase,
    expire_rounds,
    forget_counterparts,
)
from fanal.deconfliction.operations.hits import move_hit, note_reports
from fanal.deconfliction.operations.identity import (
    ensure_identity,
    rotate_identity,
    signing_key,
)
from fanal.deconfliction.operations.offering import answer, make_offer
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.withholding import withhold

__all__ = [
    "abandon",
    "add_counterpart",
    "answer",
    "close_counterpart",
    "conclude",
    "ensure_identity",
    "erase",
    "expire_rounds",
    "forget_counterparts",
    "make_offer",
    "move_hit",
    "note_delivered",
    "note_reports",
    "receive",
    "rotate_identity",
    "secret_of",
    "set_limits",
    "signing_key",
    "take_conclusion",
    "withhold",
]
