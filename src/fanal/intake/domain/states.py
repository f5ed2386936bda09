"""State machine of a report at intake, and the processing stages that follow."""

from datetime import datetime, timedelta
from enum import StrEnum

from fanal.kernel.states import StateTable, move

OPENING_LIFE = timedelta(hours=24)
IDLE_LIFE = timedelta(hours=1)


class ReportState(StrEnum):
    """State of a report at intake: whether its sender has finished, retracted or abandoned it."""

    OPEN = "OPEN"
    FINISHED = "FINISHED"
    RETRACTED = "RETRACTED"
    EXPIRED = "EXPIRED"


class Stage(StrEnum):
    """The processing stage a report waits for; the `pipeline` package maps each to its function."""

    HARMONISE = "HARMONISE"
    ANALYSE = "ANALYSE"
    CROSSCHECK = "CROSSCHECK"
    PRIORITISE = "PRIORITISE"
    ORIENT = "ORIENT"


REPORT_STATES: StateTable[ReportState] = StateTable(
    name="report",
    initial=ReportState.OPEN,
    final=frozenset({ReportState.RETRACTED, ReportState.EXPIRED}),
    transitions=(
        move("finish", {ReportState.OPEN}, ReportState.FINISHED),
        move("expire", {ReportState.OPEN}, ReportState.EXPIRED),
        move("retract", {ReportState.OPEN, ReportState.FINISHED}, ReportState.RETRACTED),
    ),
)


def expires_at(*, opened_at: datetime, changed_at: datetime) -> datetime:
    """Return when an unfinished report expires, by the rule of the NCMEC reporting API.

    The later of 24 h after opening and 1 h after the last change.
    """
    return max(opened_at + OPENING_LIFE, changed_at + IDLE_LIFE)
