"""What must stand before the forms of a dereferencing: submitted, approved, notified."""

from datetime import UTC, datetime

from fanal.casework import queries as acts
from fanal.casework.domain.records import ActFile, Event
from fanal.casework.operations.approvals import approve_act
from fanal.kernel.actors import Actor
from fanal.measures.dereferencing.acts import record_dereferencing
from fanal.measures.dereferencing.document import read_dereferencing
from fanal.measures.dereferencing.kind import DEREFERENCING
from tests.integration.policy.scenes import REASON, Posted, Scene


def to_dereference(_scene: Scene) -> Posted:
    """Name a search engine."""
    return Posted(form={"other": "Look Search", "reasons": REASON})


def amended(scene: Scene) -> Posted:
    """Name another contact point."""
    kept = read_dereferencing(_file(scene).content or b"").dereferencing
    form = {"name": "Search", "contact": "c@d.example", "target": kept.targets, "reasons": REASON}
    return Posted(form=form)


def submitted(scene: Scene) -> Posted:
    """Have an act that waits for its second person."""
    _take(scene, scene.colleague, "submit")
    return Posted(form={"digest": _file(scene).digest.hex(), "reason": REASON})


def approved(scene: Scene) -> Posted:
    """Have an act of which its recipient may be notified."""
    submitted(scene)
    approve_act(
        actor=scene.named(f"officer-{scene.cell}"),
        lifecycle=DEREFERENCING,
        act_id=scene.world.dereferencing_ids[scene.cell],
        digest=_file(scene).digest,
        now=datetime.now(UTC),
    )
    return Posted(form={"move": "notify", "proof": "mail 12"})


def notified(scene: Scene) -> Posted:
    """Have an act in force."""
    approved(scene)
    _take(scene, scene.named(f"officer-{scene.cell}"), "notify")
    return Posted(form={"move": "free", "reason": REASON})


def _file(scene: Scene) -> ActFile:
    found = acts.get_act(
        actor=scene.colleague,
        lifecycle=DEREFERENCING,
        act_id=scene.world.dereferencing_ids[scene.cell],
    )
    assert found is not None
    return found


def _take(scene: Scene, actor: Actor, transition: str) -> None:
    now = datetime.now(UTC)
    record_dereferencing(
        actor=actor,
        act_id=scene.world.dereferencing_ids[scene.cell],
        transition=transition,
        event=Event(happened_at=now, proof="mail 12"),
        now=now,
    )
