"""What must stand before the forms of an appeal: a measure of which somebody was notified."""

from datetime import UTC, datetime

from fanal.casework.domain.records import Event
from fanal.measures.operations.milestones import record_sent
from tests.integration.policy import blocking, dereferencing, scenes
from tests.integration.policy.scenes import REASON, Posted, Scene, measure_of

FILED = Posted(form={"filer": "EDITOR", "claims": REASON, "proof": "registry 12"})


def against_measure(scene: Scene) -> Posted:
    """Have a removal request that was sent."""
    scenes.approved(scene)
    now = datetime.now(UTC)
    record_sent(
        actor=scene.named(f"officer-{scene.cell}"),
        measure_id=measure_of(scene).id,
        event=Event(happened_at=now, proof="mail 12"),
        now=now,
    )
    return FILED


def against_blocking(scene: Scene) -> Posted:
    """Have a blocked name."""
    blocking.blocking_listed(scene)
    return FILED


def against_dereferencing(scene: Scene) -> Posted:
    """Have a dereferencing of which its recipient was notified."""
    dereferencing.notified(scene)
    return FILED
