"""De-confliction in the walked world: a counterpart that holds a handle of each desk, dossiers withheld."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.models import User
from fanal.accounts.operations.instructions import propose_instruction, second_instruction
from fanal.accounts.queries.people import actor_for
from fanal.deconfliction import queries as deconflicted
from fanal.deconfliction.domain.records import NewCounterpart
from fanal.deconfliction.operations.counterparts import add_counterpart
from fanal.deconfliction.operations.hits import move_hit
from fanal.deconfliction.operations.identity import ensure_identity
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.steps import conclude, make_offer
from fanal.deconfliction.sharing.operations import withhold
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor, system_actor
from tests.deconfliction_peer import Peer

if TYPE_CHECKING:
    from tests.integration.policy.world import World

SYSTEM = system_actor("walk over every route")


def meet_and_withhold(
    world: "World", colleague: Callable[[str], Actor], cells: Sequence[str]
) -> None:
    """Meet a counterpart that holds a handle of each desk's report; withhold each desk's dossier."""
    other = Peer(
        name="Counterpart",
        fanal_name="Desk",
        fanal_key=ensure_identity(actor=SYSTEM, now=world.now),
        held=[],
        now=world.now.replace(microsecond=0),
    )
    world.counterpart_id = add_counterpart(
        actor=SYSTEM,
        counterpart=NewCounterpart(
            name=other.name, our_name=other.fanal_name, contact="Duty", public_key=other.public
        ),
        now=world.now,
    )
    records = harmonised.get_records(actor=SYSTEM, report_ids=list(world.report_ids.values()))
    other.held = sorted(
        {
            (s.kind.value, s.value)
            for r in records.values()
            for s in r.selectors
            if s.kind == "HANDLE"
        }
    )
    _meet(world, other)
    for hit in deconflicted.list_hits(actor=SYSTEM):
        for cell in cells:
            if world.report_ids[cell] in hit.report_ids:
                world.hit_ids[cell] = hit.id
    for cell in ("own", "other_desk"):
        actor = colleague(cell)
        move_hit(
            actor=actor,
            hit_id=world.hit_ids[cell],
            move="contact",
            words=world.canary(cell, "hitwords"),
            now=world.now,
        )
        withhold(
            actor=actor,
            dossier_id=world.dossier_ids[cell],
            counterpart_id=None,
            withheld=True,
            words=world.canary(cell, "withheld"),
            now=world.now,
        )


def _meet(world: "World", other: Peer) -> None:
    """Play a round under an instruction of two supervisors."""
    one, two = (
        actor_for(user=User.objects.get(username=f"keeper-{cell}"), now=world.now)
        for cell in ("own", "other_desk")
    )
    instructed = propose_instruction(
        actor=one,
        instruction=NewInstruction(
            kind=InstructionKind.DECONFLICTION,
            grounds="Walk.",
            basis="BASIS 2",
            valid_from=world.now,
            expires_at=world.now + timedelta(days=30),
        ),
        now=world.now,
    )
    second_instruction(actor=two, instruction_id=instructed, now=world.now)
    found = deconflicted.get_counterpart(actor=SYSTEM, counterpart_id=world.counterpart_id)
    assert found is not None
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=world.now)
    receive(actor=SYSTEM, body=other.answer(offer), now=world.now)
    conclude(actor=SYSTEM, round_id=round_id, now=world.now)
