"""The appeals and mirrors of the walked world: an appeal against a dereferencing, a mirror of each report."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fanal.accounts.models import User
from fanal.accounts.queries.people import actor_for
from fanal.casework.domain.records import Addressee, AddresseeKind, Event
from fanal.casework.operations.approvals import approve_act
from fanal.casework.queries import get_act
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor
from fanal.measures.appeal.acts import open_appeal
from fanal.measures.appeal.kind import Filer
from fanal.measures.blocking.mirrors.acts import open_mirror
from fanal.measures.blocking.mirrors.document import CourtDecision
from fanal.measures.dereferencing.acts import open_dereferencings, record_dereferencing
from fanal.measures.dereferencing.kind import DEREFERENCING

if TYPE_CHECKING:
    from tests.integration.policy.world import World


def contest(world: "World", colleague: Callable[[str], Actor], cells: Iterable[str]) -> None:
    """Register an appeal at each desk, against a dereferencing of which a directory was notified."""
    for cell in cells:
        author = colleague(cell)
        user = User.objects.get(username=f"officer-{cell}")
        officer = actor_for(user=user, now=world.now, motive="walk")
        (act_id,) = open_dereferencings(
            actor=author,
            removal_id=world.measure_ids[cell],
            recipients=[
                Addressee(kind=AddresseeKind.DIRECTORY, name="Directory", contact="d@e.example")
            ],
            reasons="listed",
            now=world.now,
        )
        event = Event(happened_at=world.now, proof="mail 12")
        named = {"act_id": act_id, "event": event, "now": world.now}
        record_dereferencing(actor=author, transition="submit", **named)
        found = get_act(actor=officer, lifecycle=DEREFERENCING, act_id=act_id)
        assert found is not None
        approve_act(
            actor=officer,
            lifecycle=DEREFERENCING,
            act_id=act_id,
            digest=found.digest,
            now=world.now,
        )
        record_dereferencing(actor=officer, transition="notify", **named)
        world.appeal_ids[cell] = open_appeal(
            actor=officer,
            contested=DEREFERENCING,
            contested_id=act_id,
            filer=Filer.EDITOR,
            claims=world.canary("own" if cell == "sealed" else cell, "appeal"),
            event=event,
            now=world.now,
        )
        record = harmonised.get_records(actor=author, report_ids=[world.report_ids[cell]])
        host = record[world.report_ids[cell]].urls[0].host or ""
        world.mirror_ids[cell] = open_mirror(
            actor=author,
            report_id=world.report_ids[cell],
            hosts=[host],
            name=host,
            decision=decision_of(world.now),
            reasons=world.canary("own" if cell == "sealed" else cell, "mirror"),
            now=world.now,
        )


def decision_of(now: datetime) -> CourtDecision:
    """Return a court's decision that lasts for a month."""
    return CourtDecision(
        court="TJ Paris",
        number="RG 26/01234",
        service="condemned.example",
        ruled_on="2026-01-15",
        enforceable_on="2026-01-20",
        ends_on=(now + timedelta(days=30)).date().isoformat(),
    )
