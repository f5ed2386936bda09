"""What must stand before the forms of a blocking: submitted, approved, vouched for, listed."""

from datetime import UTC, datetime

from fanal.casework import queries as acts
from fanal.casework.domain.records import ActFile, Event
from fanal.casework.operations.approvals import approve_act
from fanal.kernel.actors import Actor
from fanal.measures.blocking.acts import record_blocking
from fanal.measures.blocking.kind import BLOCKING
from tests.integration.policy.scenes import REASON, Posted, Scene, measure_of


def to_block(scene: Scene) -> Posted:
    """Name the host of the cell's removal request, whose blocking was withdrawn."""
    _block(scene, scene.colleague, "withdraw")
    return Posted(
        form={
            "blocked": measure_of(scene).request.host,
            "ground": "NO_MENTIONS",
            "reasons": REASON,
        }
    )


def blocking_submitted(scene: Scene) -> Posted:
    """Have a blocking that waits for its second person."""
    _block(scene, scene.colleague, "submit")
    return Posted(form={"digest": _blocking(scene).digest.hex(), "reason": REASON})


def blocking_approved(scene: Scene) -> Posted:
    """Have a blocking of a protected name that waits for its third person."""
    blocking_submitted(scene)
    approve_act(
        actor=scene.named(f"officer-{scene.cell}"),
        lifecycle=BLOCKING,
        act_id=scene.world.blocking_ids[scene.cell],
        digest=_blocking(scene).digest,
        now=datetime.now(UTC),
    )
    return Posted(form={"move": "vouch", "reason": REASON})


def blocking_vouched(scene: Scene) -> Posted:
    """Have a blocking that may be listed."""
    blocking_approved(scene)
    _block(scene, scene.keeper, "vouch")
    return Posted(form={"move": "list"})


def blocking_listed(scene: Scene) -> Posted:
    """Have a blocked name."""
    blocking_vouched(scene)
    _block(scene, scene.named(f"officer-{scene.cell}"), "list")
    return Posted(form={"move": "free", "reason": REASON})


def _blocking(scene: Scene) -> ActFile:
    found = acts.get_act(
        actor=scene.colleague, lifecycle=BLOCKING, act_id=scene.world.blocking_ids[scene.cell]
    )
    assert found is not None
    return found


def _block(scene: Scene, actor: Actor, transition: str) -> None:
    now = datetime.now(UTC)
    record_blocking(
        actor=actor,
        blocking_id=scene.world.blocking_ids[scene.cell],
        transition=transition,
        event=Event(happened_at=now, reason=REASON),
        now=now,
    )
