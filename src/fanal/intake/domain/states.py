"""States of a report at intake, and the stages of the work that follows."""

from datetime import datetime, timedelta
from enum import StrEnum

from fanal.kernel.states import StateTable, move

OPENING_LIFE = timedelta(hours=24)
IDLE_LIFE = timedelta(hours=1)


class ReportState(StrEnum):
    """Where a report stands with its sender."""

    OPEN = "OPEN"
    FINISHED = "FINISHED"
    RETRACTED = "RETRACTED"
    EXPIRED = "EXPIRED"


class Stage(StrEnum):
    """The step a report waits for; `pipeline` says which function runs each."""

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
    """Return when an unfinished report expires: 24 h after opening or 1 h after the last change,
    whichever is later (the NCMEC wire's rule).
    """
    return max(opened_at + OPENING_LIFE, changed_at + IDLE_LIFE)
