"""Read operations of distribution: destinations of reports, packages sent and received, desks, keys."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.deconfliction.sharing import queries as sharing
from fanal.distribution.domain.proof import SenderKey, fingerprint
from fanal.distribution.domain.routing import shipped_routing
from fanal.distribution.domain.states import ItemState, PackageState, answer_due, package_state
from fanal.distribution.models import Item, Package, Recipient, SenderKey as Row, Taken
from fanal.kernel.actors import Actor

# Destinations of reports, with evidence and state.


class PlannedShare(Struct, frozen=True, kw_only=True):
    """A report and one of its destinations, with the evidence for it, and its state there.

    `because` holds codes of the evidence, such as SUSPECT_PHONE, `rule_version` the version of the routing
    rules. An empty `region` means the whole country. `ours`: this desk must handle the report too.
    `recipient` (code) and `recipient_name` are those of its package (`package_id`), "" and None before it is
    sent.
    """

    report_id: UUID
    country: str
    region: str
    because: tuple[str, ...]
    rule_version: str
    planned_at: datetime
    ours: bool
    state: ItemState
    package_id: UUID | None = None
    recipient: str = ""
    recipient_name: str = ""


class WaitingPlace(Struct, frozen=True, kw_only=True):
    """A destination for which reports wait.

    `reports` is their number, `since` the date of the oldest. `reasons` holds (evidence codes, version of the
    routing rules, number of reports), the most frequent first. `region` is empty for a whole country.
    """

    country: str
    region: str
    reports: int
    since: datetime
    reasons: tuple[tuple[tuple[str, ...], str, int], ...]
    """(codes of the evidence, version of the rules, number of reports)."""


def planned(*, actor: Actor) -> dict[tuple[str, str], int]:
    """Return the number of reports that wait for each destination, by (country, region).

    The region is empty for a whole country.

    Raises:
        Refused: the actor may not read destinations.
    """
    require(actor, "distribution.read")
    rows = Item.objects.filter(state=ItemState.PLANNED).values_list("country", "region")
    return {(c, r): n for c, r, n in rows.annotate(n=Count("*")).order_by("country", "region")}


def list_waiting(*, actor: Actor) -> list[WaitingPlace]:
    """Return the destinations (country, region) for which reports wait, in alphabetical order of codes.

    Each has the number of its reports, the date of the oldest, and the evidence that selected them, the most
    frequent first.

    Raises:
        Refused: the actor may not read destinations.
    """
    require(actor, "distribution.read")
    found = sql.rows(
        "SELECT country, region, because, rule_version, count(*), min(planned_at)"
        " FROM distribution_item WHERE state = 'PLANNED'"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 5 DESC, 3, 4"
    )
    rows = [(c, r, tuple(json.loads(b)), v, n, since) for c, r, b, v, n, since in found]
    places: dict[tuple[str, str], list[tuple[tuple[str, ...], str, int, datetime]]] = {}
    for country, region, *rest in rows:
        places.setdefault((country, region), []).append(tuple(rest))
    return [
        WaitingPlace(
            country=country,
            region=region,
            reports=sum(reason[2] for reason in reasons),
            since=min(reason[3] for reason in reasons),
            reasons=tuple(reason[:3] for reason in reasons),
        )
        for (country, region), reasons in places.items()
    ]


def list_planned(
    *, actor: Actor, place: tuple[str, str], after: UUID | None = None, limit: int = 50
) -> list[PlannedShare]:
    """Return a page of the reports that wait to be sent to `place`, as `PlannedShare`, oldest report first.

    `place` is (country, region or ""). `after` is the last report id of the previous page.

    Raises:
        Refused: the actor may not read destinations.
    """
    require(actor, "distribution.read")
    country, region = place
    rows = Item.objects.filter(state=ItemState.PLANNED, country=country, region=region)
    if after is not None:
        rows = rows.filter(report_id__gt=after)
    return [_transfer(row) for row in rows.order_by("report_id")[:limit]]


def withheld_for(recipient: Recipient) -> list[UUID]:
    """Return the ids of the reports in dossiers withheld from a recipient, or from all organisations.

    A recipient (another desk) may be an organisation with which identifiers are compared: it has one of its
    signing keys, or its name.
    """
    keys = Row.objects.filter(code=recipient.code).values_list("public_key", flat=True)
    same = sharing.counterparts_of_desk(keys=[bytes(key) for key in keys], name=recipient.name)
    return sharing.withheld_from(counterpart_ids=same)


def withheld_at(*, actor: Actor, place: tuple[str, str]) -> set[UUID]:
    """Return the ids of the reports that wait for `place` and are withheld from its desk: they are not sent.

    `place` is (country, region or "").

    Raises:
        Refused: the actor may not read destinations.
    """
    require(actor, "distribution.read")
    country, region = place
    desk = Recipient.objects.filter(country=country, region=region, closed_at=None).first()
    withheld = sharing.withheld_from() if desk is None else withheld_for(desk)
    rows = Item.objects.filter(state=ItemState.PLANNED, country=country, region=region)
    return set(rows.filter(report_id__in=withheld).values_list("report_id", flat=True))


def items_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[PlannedShare]]:
    """Return the destinations of each report, by report id; reports without any are left out.

    The caller has checked access to the reports. Those of a report are in order of country and region.

    Raises:
        Refused: the actor may not read destinations.
    """
    require(actor, "distribution.read")
    found: dict[UUID, list[PlannedShare]] = {}
    rows = Item.objects.filter(report_id__in=list(report_ids))
    for row in rows.select_related("package__recipient").order_by("country", "region"):
        found.setdefault(row.report_id, []).append(_transfer(row))
    return found


def _transfer(row: Item) -> PlannedShare:
    recipient = row.package.recipient if row.package else None
    return PlannedShare(
        report_id=row.report_id,
        country=row.country,
        region=row.region,
        because=tuple(row.because),
        rule_version=row.rule_version,
        planned_at=row.planned_at,
        ours=row.ours,
        state=ItemState(row.state),
        package_id=row.package_id,
        recipient=recipient.code if recipient else "",
        recipient_name=recipient.name if recipient else "",
    )


# Sent packages with the ids of their reports, and recipients.


class KnownRecipient(Struct, frozen=True, kw_only=True):
    """A desk that receives packages of reports, or received them until `closed_at` (None: open).

    `key` is its age public key. An empty `region` means the whole country.
    """

    code: str
    name: str
    country: str
    region: str
    key: str
    added_at: datetime
    closed_at: datetime | None


class SentPackage(Struct, frozen=True, kw_only=True):
    """A package of reports sent to another desk, with its standing instruction and its acknowledgement.

    `recipient` is that desk's code, `recipient_name` its name, `country` (ISO 3166-1 alpha-2) and `region`
    its place. `instruction_id` is the standing instruction (a dated permission) under which it was sent.
    `reports` is the number of its reports, `sha256` (hexadecimal) that of the encrypted file; `due_at` is the
    deadline of the acknowledgement, `acknowledged_at` its date, None before it.
    """

    id: UUID
    recipient: str
    recipient_name: str
    country: str
    region: str
    instruction_id: UUID
    made_at: datetime
    due_at: datetime
    """Deadline for the acknowledgement."""
    reports: int
    sha256: str
    acknowledged_at: datetime | None

    def state(self, now: datetime) -> PackageState:
        """Return the state of the package at `now`: sent, overdue or acknowledged."""
        return package_state(due_at=self.due_at, acknowledged_at=self.acknowledged_at, now=now)


def list_recipients(*, actor: Actor) -> list[KnownRecipient]:
    """Return every desk registered as a recipient of packages, in order of code, closed ones included.

    Raises:
        Refused: the actor may not read recipients.
    """
    require(actor, "distribution.read")
    return [
        KnownRecipient(
            code=row.code,
            name=row.name,
            country=row.country,
            region=row.region,
            key=row.age_key,
            added_at=row.added_at,
            closed_at=row.closed_at,
        )
        for row in Recipient.objects.order_by("code")
    ]


def list_packages(
    *, actor: Actor, before: UUID | None = None, limit: int = 200
) -> list[SentPackage]:
    """Return a page of the packages (of reports) sent to other desks, newest first.

    `before` is the last id of the previous page, None for the first.

    Raises:
        Refused: the actor may not read packages.
    """
    require(actor, "distribution.read")
    rows = Package.objects.select_related("recipient")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [_package(row) for row in rows.order_by("-id")[:limit]]


def get_package(*, actor: Actor, package_id: UUID) -> SentPackage | None:
    """Return a package of reports sent to another desk, by its id; None if unknown.

    Raises:
        Refused: the actor may not read packages.
    """
    require(actor, "distribution.read")
    row = Package.objects.select_related("recipient").filter(id=package_id).first()
    return _package(row) if row else None


def reports_in(
    *, actor: Actor, package_id: UUID, after: UUID | None = None, limit: int = 100
) -> list[UUID]:
    """Return a page of the ids of the reports in a sent package, in ascending order.

    Access to each report is not checked here. `after` is the last id of the previous page.

    Raises:
        Refused: the actor may not read packages.
    """
    require(actor, "distribution.read")
    rows = Item.objects.filter(package_id=package_id)
    if after is not None:
        rows = rows.filter(report_id__gt=after)
    return list(rows.order_by("report_id").values_list("report_id", flat=True)[:limit])


def _package(row: Package) -> SentPackage:
    return SentPackage(
        id=row.id,
        recipient=row.recipient.code,
        recipient_name=row.recipient.name,
        country=row.recipient.country,
        region=row.recipient.region,
        instruction_id=row.instruction_id,
        made_at=row.made_at,
        due_at=answer_due(row.made_at, days=shipped_routing().acknowledge_within_days),
        reports=row.reports,
        sha256=bytes(row.sha256).hex(),
        acknowledged_at=row.acknowledged_at,
    )


# Signing keys of other desks; received packages.


class TakenPackage(Struct, frozen=True, kw_only=True):
    """A package of reports received from another desk; an empty `sender`: its origin is unproven.

    `package` is its id, `sender` the code of the desk. `fingerprint` is that of the signing key, `made_at`
    the sender's date, `taken_at` that of receipt, `reports` the number of reports.
    """

    package: UUID
    sender: str
    fingerprint: str
    made_at: datetime
    taken_at: datetime
    reports: int


def list_senders(*, actor: Actor) -> list[SenderKey]:
    """Return the signing keys of all other desks by code, oldest first, revoked ones included.

    Raises:
        Refused: the actor may not read keys.
    """
    require(actor, "distribution.read")
    return [_key(row) for row in Row.objects.order_by("code", "id")]


def find_key(*, public_key: bytes) -> SenderKey | None:
    """Return the registered signing key with this public key, None if unknown."""
    row = Row.objects.filter(public_key=public_key).first()
    return _key(row) if row else None


def has_key(*, code: str) -> bool:
    """Return whether a signing key of the other desk `code` was ever registered, even if revoked since.

    From such a desk, only signed acknowledgements are accepted.
    """
    return Row.objects.filter(code=code).exists()


def list_taken(
    *, actor: Actor, before: tuple[UUID, str] | None = None, limit: int = 200
) -> list[TakenPackage]:
    """Return a page of the received packages, highest package id first, then by sender.

    `before` is (package id, sender) of the last package of the previous page.

    Raises:
        Refused: the actor may not read packages.
    """
    require(actor, "distribution.read")
    rows = Taken.objects.select_related("key")
    if before is not None:
        number, sender = before
        rows = rows.filter(Q(package_id__lt=number) | Q(package_id=number, sender__gt=sender))
    return [
        TakenPackage(
            package=row.package_id,
            sender=row.sender,
            fingerprint=fingerprint(bytes(row.key.public_key)) if row.key else "",
            made_at=row.made_at,
            taken_at=row.taken_at,
            reports=row.reports,
        )
        for row in rows.order_by("-package_id", "sender")[:limit]
    ]


def _key(row: Row) -> SenderKey:
    return SenderKey(
        code=row.code,
        public_key=bytes(row.public_key),
        since=row.since,
        until=row.until,
        revoked_at=row.revoked_at,
    )
