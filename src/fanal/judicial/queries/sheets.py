"""Intelligence sheets with their facts, words and steps."""

from collections.abc import Iterable
from uuid import UUID

from fanal.casework import queries as casework
from fanal.casework.domain.records import ActFile
from fanal.judicial.domain.kinds import SHEET, read_sheet
from fanal.judicial.domain.sheets import Sheet, SheetFile, SheetState, sheet_of
from fanal.kernel.actors import Actor


def list_sheets(
    *, actor: Actor, states: Iterable[SheetState] = (), limit: int = 100
) -> tuple[Sheet, ...]:
    """Return the sheets within the actor's reach, newest first; all states when none is named."""
    acts = casework.list_acts(actor=actor, lifecycle=SHEET, states=states, limit=limit, newest=True)
    return tuple(map(sheet_of, acts))


def sheets_on(*, actor: Actor, payer: UUID) -> tuple[Sheet, ...]:
    """Return that there are sheets on a payer, to whoever reads reports of their desk: no content."""
    found = casework.acts_on(actor=actor, lifecycle=SHEET, subject_ids=[payer], right="report.read")
    return tuple(map(sheet_of, found.get(payer, ())))


def get_sheet(*, actor: Actor, sheet_id: UUID) -> SheetFile | None:
    """Return a sheet with its facts and steps; None when it is out of reach.

    Once its words have expired, facts are None and the summary empty.
    """
    found = casework.get_act(actor=actor, lifecycle=SHEET, act_id=sheet_id)
    return None if found is None else read_sheet_file(file=found)


def read_sheet_file(*, file: ActFile) -> SheetFile:
    """Return an act of this kind as a sheet."""
    said = None if file.content is None else read_sheet(file.content)
    return SheetFile(
        sheet=sheet_of(file.act),
        facts=said.facts if said else None,
        summary=said.summary if said else "",
        steps=file.steps,
    )
