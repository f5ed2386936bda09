"""Sending of planned reports: signed, encrypted packages for each recipient, under a standing instruction.

Recipients acknowledge a package; its token and, if a key is known, a signature prove the acknowledgement.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q, QuerySet
from msgspec import Struct

from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import require
from fanal.accounts.queries.instructions import standing_in_force
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.deconfliction import queries as identities
from fanal.deconfliction.operations.identity import ensure_identity, signing_key
from fanal.deconfliction.sharing.operations import hold_sharing
from fanal.distribution import queries
from fanal.distribution.domain import proof
from fanal.distribution.domain.package import (
    Manifest,
    PackageAcknowledgement,
    answers,
    fitting,
    line_of,
    seal,
    token_digest,
)
from fanal.distribution.domain.routing import shares_of, shipped_routing
from fanal.distribution.domain.states import ITEM_STATES, ItemState
from fanal.distribution.models import Item, Package, Recipient
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.redaction.outside import as_report, withheld_texts
from fanal.harmonise.operations.identity import reporters_values
from fanal.intake.domain.number import desk_number
from fanal.intake.domain.records import ReportState
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.operations.decisions import hand_over

MOST_REPORTS = 2_000
"""Maximum number of reports in one package."""


class TurnOutcome(Struct, frozen=True, kw_only=True):
    """The result of one attempt to send to a recipient: a package, or the reason why there is none.

    `recipient` is the recipient's code, `package` the package's id (None without), `reports` the number of
    reports in it. `reason`: NO_INSTRUCTION (no standing instruction, a dated permission, is in force);
    NOTHING (no report waits); DROPPED (the waiting reports may no longer be sent); WITHHELD (`withheld`
    reports wait whose dossiers are withheld from the recipient); "" with a package.
    """

    recipient: str
    package: UUID | None = None
    reports: int = 0
    withheld: int = 0
    reason: str = ""

    @property
    def is_last(self) -> bool:
        """Whether nothing more can be sent to the recipient now: NO_INSTRUCTION, NOTHING or WITHHELD."""
        return self.reason in {"NO_INSTRUCTION", "NOTHING", "WITHHELD"}


def send(
    *,
    actor: Actor,
    sender: str,
    deliver: Callable[[str, UUID, bytes], None],
    clock: Callable[[], datetime],
) -> list[TurnOutcome]:
    """Send all planned reports: pass signed and encrypted packages for each open recipient to `deliver`.

    `deliver` receives recipient code, package id and bytes; `sender` is this desk's name in packages. The
    database commits after `deliver` returned: if it fails, that package does not count as sent; one delivered
    twice is recognised by its id. Reports of dossiers withheld from the recipient, or from all organisations,
    wait until the withholding ends. A package holds 2,000 reports at most, within the size that a recipient
    accepts. Date and instruction are read before each package: a revocation stops the next one. Returns the
    outcomes, ordered by recipient code: each package, and the reason why there is no (further) one. NOTHING
    is among them only for a recipient for whom nothing waited. `clock` returns the present time.

    Raises:
        Refused: the actor may not send packages.
        KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the vault does not open our signing
            key, or the original with the reporter's values.
        Exception: any exception of `deliver`; packages delivered before it count as sent.
    """
    require(actor, "distribution.send")
    ensure_identity(actor=actor, now=clock())
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
    """Send the next package to a recipient; return its outcome, or the reason why there is none.

    `sender` is this desk's name; `deliver` receives recipient code, package id and encrypted bytes.
    """
    instruction = standing_in_force(
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
    """Encrypt, deliver and commit one package under `instruction`; None if no report waits for `recipient`.

    The result is None also if the recipient was closed. If none of the waiting reports may be sent, they are
    dropped: the outcome has the reason DROPPED, and no package. `sender` is this desk's name; `deliver`
    receives recipient code, package id and encrypted bytes.
    """
    with transaction.atomic():
        if not Recipient.objects.filter(id=recipient.id, closed_at=None).exists():
            return None
        planned = _place(recipient).select_for_update(skip_locked=True)
        # What is withheld now does not leave; a withholding made meanwhile waits for this package.
        hold_sharing()
        withheld = queries.withheld_for(recipient)
        free = planned.exclude(report_id__in=withheld)
        ids = list(free.order_by("report_id").values_list("report_id", flat=True)[:MOST_REPORTS])
        if not ids:
            kept = _place(recipient).filter(report_id__in=withheld).count()
            if not kept:
                return None
            return TurnOutcome(recipient=recipient.code, withheld=kept, reason="WITHHELD")
        lines = _lines(actor, ids, now)
        place = Item.objects.filter(country=recipient.country, region=recipient.region)
        place.filter(report_id__in=[i for i in ids if i not in lines]).update(
            state=ITEM_STATES.apply(ItemState.PLANNED, "drop")
        )
        if not lines:
            return TurnOutcome(recipient=recipient.code, reason="DROPPED")
        lines = fitting(lines)  # the rest waits for the next package
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
        signer = signing_key(now=now, purpose="sign a package for another desk")
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


def _place(recipient: Recipient) -> QuerySet[Item]:
    return Item.objects.filter(
        country=recipient.country, region=recipient.region, state=ItemState.PLANNED
    )


def _lines(actor: Actor, ids: Sequence[UUID], now: datetime) -> dict[UUID, bytes]:
    """Return the reports that may still be sent (finished, not tests, not erased) as JSON lines by report id.

    Other ids are left out. Texts are redacted: values that identify the reporter are removed.
    """
    facts = get_reports(actor=actor, report_ids=ids)
    leaving = [
        report_id
        for report_id in ids
        if report_id in facts
        and facts[report_id].state is ReportState.FINISHED
        and not facts[report_id].is_test
    ]
    records = harmonised.get_records(actor=actor, report_ids=leaving)
    system = system_actor("to withhold who reported from what leaves")
    contacts = reporters_values(actor=system, facts=facts, records=records, now=now)
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
    """Write the ledger entry for a whole package of reports; each report in it has a further entry.

    `action` is the ledger's name of the act (`report.transfer`); `count` is the number of reports, `more` are
    further numbers for the entry.
    """
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="package", id=package_id)],
        detail={"count": count} | more,
    )


def plan_batch(*, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime) -> int:
    """Record the destinations of reports other than this desk, by the routing rules; return how many are new.

    A foreign country is recorded even without a registered desk, a region of the home country only with one.
    Repeated calls add new destinations and remove none, since a package may already be sent. A report that
    also concerns this desk is marked as its own: it stays here whatever the others acknowledge.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    rules = shipped_routing()
    found = [(report.report_id, shares_of(report, rules)) for report in reports]
    open_regions = set(
        Recipient.objects.filter(closed_at=None).exclude(region="").values_list("country", "region")
    )
    kept = [i for i, shares in found if shares.ours(open_regions) or not shares.places]
    rows = [
        (report_id, place, shares.ours(open_regions))
        for report_id, shares in found
        for place in shares.places
        if not place.region or (place.country, place.region) in open_regions
    ]
    sql.run(
        "UPDATE distribution_item SET ours = true WHERE report_id = ANY (%s::uuid[]) AND NOT ours",
        [uuid_array(kept)],
    )
    if not rows:
        return 0
    given = sql.run(
        "INSERT INTO distribution_item"
        " (report_id, country, region, because, ours, rule_version, planned_at)"
        " SELECT i.report_id, i.country, i.region, i.because::jsonb, i.ours, %s, %s"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::boolean[])"
        " AS i (report_id, country, region, because, ours)"
        " ON CONFLICT DO NOTHING",
        [
            rules.version,
            now,
            [report_id for report_id, _, _ in rows],
            [place.country for _, place, _ in rows],
            [place.region for _, place, _ in rows],
            [msgspec.json.encode(place.because).decode() for _, place, _ in rows],
            [ours for _, _, ours in rows],
        ],
    )
    return int(given)


def acknowledge(
    *, actor: Actor, answer: PackageAcknowledgement, now: datetime, unproven: bool = False
) -> int:
    """Record a recipient's acknowledgement (`answer`) of a package; return the number of its reports.

    The result is 0 if it was already recorded. The queue row of a report is handed over (`orient.hand_over`)
    once every destination has acknowledged it and this desk has no share of it. Once a key of the recipient
    is registered (`add_sender`), its acknowledgements must be signed; `unproven` accepts an unsigned one,
    proved by the token alone.

    Raises:
        Refusal: NOT_FOUND, no such package; WRONG_TOKEN, the package was not decrypted; UNSIGNED (without a
            signature, although the desk has a registered key); UNKNOWN, signed by a key of no or another
            desk; SIGNATURE (not valid); SENDER, it names a signing key that is not ours; REVOKED, INSTANT,
            FUTURE, the key was not valid at the date of the acknowledgement.
        Refused: the actor may not send packages.
    """
    require(actor, "distribution.send")
    with transaction.atomic():
        package = Package.objects.select_for_update().filter(id=answer.package).first()
        if package is None:
            raise Refusal("acknowledgement", "NOT_FOUND")
        if not answers(answer, bytes(package.token_digest)):
            raise Refusal("acknowledgement", "WRONG_TOKEN")
        signed = not unproven and _is_signed(answer, package.recipient.code, now)
        if package.acknowledged_at is not None:
            return 0
        Package.objects.filter(id=package.id).update(acknowledged_at=now)
        items = Item.objects.filter(package_id=package.id, state=ItemState.SENT)
        ids = list(items.values_list("report_id", flat=True))
        items.update(state=ITEM_STATES.apply(ItemState.SENT, "acknowledge"))
        ledger.record_batch(
            actor=actor,
            action="transfer.acknowledge",
            at=now,
            kind="report",
            items=[(report_id, package.id.bytes) for report_id in ids],
            detail={"package": str(package.id)},
        )
        note_package(
            actor, "transfer.acknowledge", package.id, count=len(ids), now=now, signed=int(signed)
        )
        theirs = _theirs_alone(ids)
        hand_over(actor=actor, report_ids=theirs, package_id=package.id, now=now)
    return len(ids)


def _is_signed(answer: PackageAcknowledgement, code: str, now: datetime) -> bool:
    """Verify the signature of an acknowledgement by the desk `code`; return False if it has no known key.

    Without a registered key, an acknowledgement needs no signature. A key counts if it was ever registered
    here, even if it was revoked.

    Raises:
        Refusal: UNSIGNED; UNKNOWN, signed by another desk's or no known key; SIGNATURE; SENDER, it names a
            signing key that is not ours; REVOKED, INSTANT, FUTURE, the key was not valid at its date.
    """
    if not queries.has_key(code=code):
        return False
    if not answer.signature:
        raise Refusal("acknowledgement", "UNSIGNED")
    try:
        key, signature = bytes.fromhex(answer.key), bytes.fromhex(answer.signature)
    except ValueError:
        raise Refusal("acknowledgement", "SIGNATURE") from None
    known = queries.find_key(public_key=key)
    if known is None or known.code != code:
        raise Refusal("acknowledgement", "UNKNOWN")
    try:
        proof.check_answer(answer.statement, key=key, signature=signature)
        proof.check_instant(known, answer.opened_at, now=now)
    except Refusal as refused:
        raise Refusal("acknowledgement", refused.code) from None
    if answer.sender not in {own.hex() for own, _since in identities.own_keys()}:
        raise Refusal("acknowledgement", "SENDER")
    return True


def _theirs_alone(report_ids: Sequence[UUID]) -> list[UUID]:
    """Return the reports that this desk does not treat itself and all destinations have acknowledged."""
    left = Q(ours=True) | Q(state__in=[ItemState.PLANNED, ItemState.SENT])
    kept = set(
        Item.objects.filter(left, report_id__in=list(report_ids)).values_list(
            "report_id", flat=True
        )
    )
    return [report_id for report_id in report_ids if report_id not in kept]
