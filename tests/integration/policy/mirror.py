"""What must stand before the forms of a mirror: its proofs, submitted, approved, vouched for, listed."""

from datetime import UTC, datetime

import msgspec

from fanal.casework import queries as acts
from fanal.casework.domain.proofs import ProofFile
from fanal.casework.domain.records import ActFile, Event
from fanal.casework.operations.approvals import approve_act
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor
from fanal.measures.blocking.mirrors.acts import record_mirror
from fanal.measures.blocking.mirrors.kind import MIRROR
from tests.integration.policy.contested import decision_of
from tests.integration.policy.scenes import REASON, Posted, Scene

_COPY = ProofFile(name="decision.pdf", media_type="application/pdf", content=b"%PDF-1.7 decision")


def _fields() -> dict[str, object]:
    return msgspec.structs.asdict(decision_of(datetime.now(UTC))) | {"reasons": REASON}


def to_draft(scene: Scene) -> Posted:
    """Withdraw the mirror of the report, and name it again."""
    _take(scene, scene.colleague, "withdraw")
    report_id = scene.world.report_ids[scene.cell]
    record = harmonised.get_records(actor=scene.colleague, report_ids=[report_id])[report_id]
    return Posted(form={"blocked": record.urls[0].host or "", **_fields()})


def amended(_scene: Scene) -> Posted:
    """Write other reasons."""
    return Posted(form=_fields())


def submitted(scene: Scene) -> Posted:
    """Have a mirror with its proofs that waits for its second person."""
    for transition in ("enforce", "compare", "submit"):
        _take(scene, scene.colleague, transition)
    return Posted(form={"digest": _file(scene).digest.hex(), "reason": REASON})


def approved(scene: Scene) -> Posted:
    """Have a mirror with a protected name that waits for its third person."""
    submitted(scene)
    approve_act(
        actor=scene.named(f"officer-{scene.cell}"),
        lifecycle=MIRROR,
        act_id=scene.world.mirror_ids[scene.cell],
        digest=_file(scene).digest,
        now=datetime.now(UTC),
    )
    return Posted(form={"move": "vouch", "reason": REASON})


def vouched(scene: Scene) -> Posted:
    """Have a mirror that may be listed."""
    approved(scene)
    _take(scene, scene.keeper, "vouch")
    return Posted(form={"move": "list"})


def listed(scene: Scene) -> Posted:
    """Have a blocked mirror."""
    vouched(scene)
    _take(scene, scene.named(f"officer-{scene.cell}"), "list")
    return Posted(form={"move": "free", "reason": REASON})


def _file(scene: Scene) -> ActFile:
    found = acts.get_act(
        actor=scene.colleague, lifecycle=MIRROR, act_id=scene.world.mirror_ids[scene.cell]
    )
    assert found is not None
    return found


def _take(scene: Scene, actor: Actor, transition: str) -> None:
    now = datetime.now(UTC)
    file = _COPY if transition == "enforce" else None
    record_mirror(
        actor=actor,
        act_id=scene.world.mirror_ids[scene.cell],
        transition=transition,
        event=Event(happened_at=now, reason=REASON, proof="capture", file=file),
        now=now,
    )
