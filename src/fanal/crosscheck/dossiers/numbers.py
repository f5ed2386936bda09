"""Look-up of dossiers by number (`D-2026-0143`), including dossiers that a judgement dissolved."""

from uuid import UUID

from fanal.accounts.domain.policy import reach
from fanal.crosscheck.domain.records import Dissolved, JudgementAct
from fanal.crosscheck.dossiers.domain import Judgement, effective
from fanal.crosscheck.dossiers.queries import (
    in_use,
    judgements_about,
    lines_of,
    members_of,
    numbers_of,
    within_desks,
)
from fanal.db import sql
from fanal.intake.queries.reviews import erased_among
from fanal.kernel.actors import Actor
from fanal.kernel.numbers import Numbered, read_number


def find_dossier_number(*, actor: Actor, number: str) -> UUID | None:
    """Return the id of the dossier with a typed number (`D-2026-0143`); None if no dossier has it.

    None also if the actor may see none of its reports. The number of a merged dossier gives the id of the
    dossier into which it was merged. The number of a dissolved dossier gives that dossier's own id (see
    `dissolved`).
    """
    typed = read_number(number)
    if typed is None or not typed.may_be(Numbered.DOSSIER):
        return None
    row = sql.row("SELECT crosscheck_numbered(%s, %s)", [typed.year, typed.number])
    found = row[0] if row else None
    if found is None:
        return None
    seen = members_of(actor=actor, dossier_id=found) or dissolved(actor=actor, dossier_id=found)
    return found if seen else None


_PARTING = frozenset({JudgementAct.SPLIT, JudgementAct.REJECT, JudgementAct.UNLINK})
_JOINING = frozenset({JudgementAct.LINK, JudgementAct.MERGE})


def dissolved(*, actor: Actor, dossier_id: UUID) -> Dissolved | None:
    """Return a former dossier that has no reports any more, with the judgement that dissolved it.

    That judgement is the last SPLIT, REJECT or UNLINK in force that names its earliest report, or the UNDO
    of a LINK or MERGE. None if the dossier still has reports, never existed, or had no report at the
    actor's desks.
    """
    desks = reach(actor, "dossier.read").desks
    current = in_use(dossier_id)
    row = sql.row("SELECT crosscheck_anchor_of_dissolved(%s)", [current])
    if desks == [] or row is None or row[0] is None:
        return None
    parting = _parting_of(row[0])
    if parting is None:
        return None
    judgement, reports = parting
    own = within_desks(reports - erased_among(report_ids=reports), desks)
    if not own:
        return None
    return Dissolved(
        id=current,
        number=numbers_of(dossier_ids=[current]).get(current, ""),
        reports=tuple(own),
        judgement=lines_of([judgement], set(own))[0],
    )


def _parting_of(report: UUID) -> tuple[Judgement, set[UUID]] | None:
    """Return the last judgement in force that separated a report from others, with the reports concerned."""
    about = judgements_about([report])
    undone = {j.undoes for j in about}
    named = {j.id: {*j.left, *j.right} for j in about}
    joining = {j.id for j in about if j.act in _JOINING}
    found = [(j, named[j.id]) for j in effective(about) if j.act in _PARTING]
    found += [(j, named[j.undoes]) for j in about if j.undoes in joining and j.id not in undone]
    return max(found, key=lambda one: one[0].id, default=None)
