"""Appeals by the people of the stories: registered against a measure, heard, ruled, at instants of the past."""

from datetime import UTC, datetime
from uuid import UUID

from fanal.casework import queries as casework
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.proofs import ProofFile
from fanal.casework.domain.records import ActFile, Event
from fanal.kernel.actors import Actor
from fanal.measures.appeal import acts, views
from fanal.measures.appeal.kind import APPEAL, Filer
from fanal.measures.blocking.kind import BLOCKING
from tests.integration.measures.stories import OFFICER

RULING = ProofFile(name="ruling.pdf", media_type="application/pdf", content=b"%PDF-1.7 the ruling")


def filed(
    contested_id: UUID,
    at: datetime,
    *,
    contested: Lifecycle = BLOCKING,
    actor: Actor = OFFICER,
    filer: Filer = Filer.EDITOR,
    known_at: datetime | None = None,
    case_number: str = "2612345",
) -> UUID:
    """An appeal filed at an instant, and registered then."""
    return acts.open_appeal(
        actor=actor,
        contested=contested,
        contested_id=contested_id,
        filer=filer,
        filer_name="Publisher Ltd",
        court="TA Cergy-Pontoise",
        case_number=case_number,
        claims="The pages are lawful.",
        known_at=known_at,
        event=Event(happened_at=at, proof="notice of the registry"),
        now=at,
    )


def take(
    act_id: UUID,
    transition: str,
    at: datetime,
    *,
    actor: Actor = OFFICER,
    outcome: str = "",
    reason: str = "",
    file: ProofFile | None = None,
) -> None:
    """Take a step at an instant."""
    event = Event(happened_at=at, proof="registry", outcome=outcome, reason=reason, file=file)
    acts.record_appeal(actor=actor, act_id=act_id, transition=transition, event=event, now=at)


def file_of(act_id: UUID, actor: Actor = OFFICER) -> ActFile:
    """The act with its document and steps."""
    found = casework.get_act(actor=actor, lifecycle=APPEAL, act_id=act_id)
    assert found is not None
    return found


def view(act_id: UUID, at: datetime | None = None) -> views.AppealView:
    """The appeal as pages show it."""
    return views.view_of(actor=OFFICER, act=file_of(act_id).act, now=at or datetime.now(UTC))
