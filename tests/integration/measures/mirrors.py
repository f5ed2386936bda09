"""Mirrors by the people of the stories: drafted under a court's decision, with their proofs, approved, listed."""

from datetime import UTC, date, datetime
from uuid import UUID

from fanal.casework import queries as casework
from fanal.casework.domain.proofs import ProofFile
from fanal.casework.domain.records import Act, ActFile, Addressee, Event
from fanal.casework.operations.approvals import approve_act
from fanal.kernel.actors import Actor
from fanal.measures.blocking import views
from fanal.measures.blocking.mirrors import acts
from fanal.measures.blocking.mirrors.document import CourtDecision
from fanal.measures.blocking.mirrors.kind import MIRROR
from tests.integration.measures.blockings import DAY, HOUR, ago
from tests.integration.measures.stories import ANALYST, OFFICER, decide
from tests.unit.orient.items import url

SERVICE = "condemned.example"
NAME = "condemned-again.example"
COPY = ProofFile(name="decision.pdf", media_type="application/pdf", content=b"%PDF-1.7 decision")
REASONS = "The same pages, under another name."


def decided(
    *,
    ends: date,
    first: date | None = None,
    number: str = "RG 26/01234",
    court: str = "TJ Paris",
    ruled_on: str = "2026-01-15",
) -> CourtDecision:
    """A decision of a judicial court whose last day is `ends`."""
    return CourtDecision(
        court=court,
        number=number,
        service=SERVICE,
        ruled_on=ruled_on,
        enforceable_on=(first or date(2026, 1, 20)).isoformat(),
        ends_on=ends.isoformat(),
    )


def reported(at: datetime, name: str = NAME) -> UUID:
    """A report that names an address of the mirror."""
    addressee = Addressee(name="Hosting Ltd", contact=f"abuse@{name}")
    addresses = (url(f"https://{name}/a", name),)
    found = decide(now=at, at=at, host=name, addressee=addressee, urls=addresses)
    return found.decision.report_id


def drafted(
    at: datetime,
    *,
    ends: date,
    first: date | None = None,
    name: str = NAME,
    number: str = "RG 26/01234",
    court: str = "TJ Paris",
    ruled_on: str = "2026-01-15",
    actor: Actor = ANALYST,
) -> UUID:
    """A draft under a decision that ends with a day."""
    return acts.open_mirror(
        actor=actor,
        report_id=reported(at, name),
        hosts=[name],
        name=name,
        decision=decided(ends=ends, first=first, number=number, court=court, ruled_on=ruled_on),
        reasons=REASONS,
        now=at,
    )


def take(
    act_id: UUID,
    transition: str,
    at: datetime,
    *,
    actor: Actor = OFFICER,
    outcome: str = "",
    reason: str = "read again",
    file: ProofFile | None = None,
) -> None:
    """Take a step at an instant."""
    event = Event(happened_at=at, proof="capture 9", reason=reason, outcome=outcome, file=file)
    acts.record_mirror(actor=actor, act_id=act_id, transition=transition, event=event, now=at)


def approved(act_id: UUID, at: datetime) -> UUID:
    """Have a draft completed with its proofs, submitted and approved."""
    take(act_id, "enforce", at, actor=ANALYST, file=COPY)
    take(act_id, "compare", at, actor=ANALYST)
    take(act_id, "submit", at, actor=ANALYST)
    digest = file_of(act_id).digest
    approve_act(actor=OFFICER, lifecycle=MIRROR, act_id=act_id, digest=digest, now=at)
    return act_id


def listed(
    days: float,
    *,
    ends: date,
    name: str = NAME,
    number: str = "RG 26/01234",
    court: str = "TJ Paris",
    ruled_on: str = "2026-01-15",
) -> UUID:
    """A mirror that was put on the list some days ago."""
    at = ago(days)
    draft = drafted(at - HOUR, ends=ends, name=name, number=number, court=court, ruled_on=ruled_on)
    act_id = approved(draft, at - HOUR)
    take(act_id, "list", at)
    return act_id


def in_days(days: int) -> date:
    """The day in some days, of a decision that lasts."""
    return (datetime.now(UTC) + days * DAY).date()


def file_of(act_id: UUID, actor: Actor = ANALYST) -> ActFile:
    """The act with its document and steps."""
    found = casework.get_act(actor=actor, lifecycle=MIRROR, act_id=act_id)
    assert found is not None
    return found


def act_of(act_id: UUID) -> Act:
    """The act as it stands."""
    return file_of(act_id).act


def view(act_id: UUID, at: datetime | None = None) -> views.BlockingView:
    """The mirror as pages show it."""
    return views.view_of(actor=ANALYST, act=act_of(act_id), now=at or datetime.now(UTC))
