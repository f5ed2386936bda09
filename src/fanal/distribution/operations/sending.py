"""Sending: what is planned for a recipient is signed and sealed for it, under a standing instruction."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from msgspec import Struct

from fanal.accounts import queries as accounts
from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import require
from fanal.deconfliction import operations as deconfliction
from fanal.distribution.domain.package import (
    Manifest,
    fitting,
    line_of,
    seal,
    token_digest,
)
from fanal.distribution.domain.states import ITEM_STATES, ItemState
from fanal.distribution.models import Item, Package, Recipient
from fanal.harmonise import operations as harmonise, queries as harmonised
from fanal.harmonise.domain.outgoing import as_report, withheld_texts
from fanal.intake import queries as intake
from fanal.intake.domain.number import desk_number
from fanal.intake.domain.states import ReportState
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

MOST_REPORTS = 2_000
"""Reports of one package."""


class TurnOutcome(Struct, frozen=True, kw_only=True):
    """What became of a recipient's turn: a package, or why there is none.

    NO_INSTRUCTION, NOTHING (waits for it), DROPPED (what waited may not leave any more).
    """

    recipient: str
    package: UUID | None = None
    reports: int = 0
    reason: str = ""

    @property
    def is_last(self) -> bool:
        """Return whether nothing more can leave for the recipient now."""
        return self.reason in {"NO_INSTRUCTION", "NOTHING"}


def send(
    *,
    actor: Actor,
    sender: str,
    deliver: Callable[[str, UUID, bytes], None],
    clock: Callable[[], datetime],
) -> list[TurnOutcome]:
    """Sign and seal what is planned for each open recipient; hand it to `deliver` (code, package id, bytes).

    `sender` is how this desk names itself. A package's rows are committed after `deliver` returned: when it
    fails nothing counts as sent, and a package delivered twice is told apart by its id. At most 2 000 reports
    a package, and no more octets than a recipient opens. The time is read, and the instruction looked for,
    before each package: one that is revoked meanwhile lets nothing more leave.

    Raises:
        Refused: the actor sends nothing.
        KeyMissing, BlobMissing, BlobDamaged, VaultAway: our own key cannot be opened to sign.
    """
    require(actor, "distribution.send")
    deconfliction.ensure_identity(actor=actor, now=clock())
    outcome: list[TurnOutcome] = []
    for recipient in Recipient.objects.filter(closed_at=None).order_by("code"):
        made = _next(recipient, actor, sender, deliver, clock())
        outcome.append(made)
        while not made.is_last:
            made = _next(recipient, actor, sender, deliver, clock())
            if made.reason != "NOTHING":
                outcome.append(made)
    return outcome


def _next(
    recipient: Recipient,
    actor: Actor,
    sender: str,
    deliver: Callable[[str, UUID, bytes], None],
    now: datetime,
) -> TurnOutcome:
    """Send the next package of a recipient, or say why none leaves."""
    instruction = accounts.standing_in_force(
        kind=InstructionKind.DISTRIBUTION,
        scope=recipient.code,
        now=now,
        since=recipient.added_at,
    )
    if instruction is None:
        return TurnOutcome(recipient=recipient.code, reason="NO_INSTRUCTION")
    made = _send_some(recipient, instruction, actor, sender, deliver, now)
    return made or TurnOutcome(recipient=recipient.code, reason="NOTHING")


def _send_some(  # noqa: PLR0917
    recipient: Recipient,
    instruction: StandingInstruction,
    actor: Actor,
    sender: str,
    deliver: Callable[[str, UUID, bytes], None],
    now: datetime,
) -> TurnOutcome | None:
    """Seal, deliver and commit one package; None when nothing is left for this recipient."""
    with transaction.atomic():
        if not Recipient.objects.filter(id=recipient.id, closed_at=None).exists():
            return None
        planned = Item.objects.select_for_update(skip_locked=True).filter(
            country=recipient.country, region=recipient.region, state=ItemState.PLANNED
        )
        ids = list(planned.order_by("report_id").values_list("report_id", flat=True)[:MOST_REPORTS])
        if not ids:
            return None
        lines = _lines(actor, ids, now)
        place = Item.objects.filter(country=recipient.country, region=recipient.region)
        place.filter(report_id__in=[i for i in ids if i not in lines]).update(
            state=ITEM_STATES.apply(ItemState.PLANNED, "drop")
        )
        if not lines:
            return TurnOutcome(recipient=recipient.code, reason="DROPPED")
        lines = fitting(lines)  # the others wait for the next package
        manifest = Manifest(
            schema=1,
            package=new_id(now),
            sender=sender,
            recipient=recipient.code,
            made_at=now,
            reports=len(lines),
            sha256="",
            instruction=instruction.id,
            token=secrets.token_urlsafe(32),
        )
        signer = deconfliction.signing_key(now=now, purpose="sign a package for another desk")
        sealed = seal(manifest, list(lines.values()), key=recipient.age_key, signer=signer)
        Package.objects.create(
            id=manifest.package,
            recipient=recipient,
            instruction_id=instruction.id,
            made_at=now,
            reports=len(lines),
            sha256=hashlib.sha256(sealed).digest(),
            token_digest=token_digest(manifest.token),
        )
        place.filter(report_id__in=list(lines)).update(
            state=ITEM_STATES.apply(ItemState.PLANNED, "send"), package_id=manifest.package
        )
        ledger.record_batch(
            actor=actor,
            action="report.transfer",
            at=now,
            kind="report",
            items=[(report_id, hashlib.sha256(line).digest()) for report_id, line in lines.items()],
            detail={"package": str(manifest.package), "to": recipient.code} | instruction.cited,
        )
        note_package(actor, "report.transfer", manifest.package, count=len(lines), now=now)
        deliver(recipient.code, manifest.package, sealed)
    return TurnOutcome(recipient=recipient.code, package=manifest.package, reports=len(lines))


def _lines(actor: Actor, ids: Sequence[UUID], now: datetime) -> dict[UUID, bytes]:
    """Return the lines of the reports that still may leave: finished, no test, not erased.

    A text that names its reporter leaves without that: who reported stays here.
    """
    facts = intake.get_reports(actor=actor, report_ids=ids)
    leaving = [
        report_id
        for report_id in ids
        if report_id in facts
        and facts[report_id].state is ReportState.FINISHED
        and not facts[report_id].is_test
    ]
    records = harmonised.get_records(actor=actor, report_ids=leaving)
    system = system_actor("to withhold who reported from what leaves")
    contacts = harmonise.reporters_values(actor=system, facts=facts, records=records, now=now)
    return {
        report_id: line_of(
            withheld_texts(as_report(records[report_id]), contacts.get(report_id, frozenset())),
            reference=desk_number(report_id),
        )
        for report_id in leaving
        if report_id in records
    }


def note_package(
    actor: Actor, action: str, package_id: UUID, *, count: int, now: datetime, **more: int
) -> None:
    """Write what happened to a package itself: its page tells it, as each report's does."""
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="package", id=package_id)],
        detail={"count": count} | more,
    )
