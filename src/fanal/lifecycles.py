"""The kinds of official acts of the desk: one lifecycle (states and transitions) for each; pure."""

from typing import Final

from fanal.casework.domain.lifecycle import Lifecycle
from fanal.judicial.domain.kinds import REFERRAL, SHEET
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL
from fanal.measures.appeal.kind import APPEAL
from fanal.measures.blocking.kind import BLOCKING
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.notice.kind import NOTICE
from fanal.measures.removal.kind import REMOVAL

LIFECYCLES: Final[tuple[Lifecycle, ...]] = (
    REFERRAL,
    SHEET,
    NOTICE,
    REMOVAL,
    BLOCKING,
    MIRROR,
    DEREFERENCING,
    APPEAL,
    EMERGENCY_CALL,
)
"""The lifecycle of every kind of official act."""
