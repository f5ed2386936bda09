"""Work done at the desk through the operations, for tests that begin after it."""

from uuid import UUID

from django.db import transaction
from msgspec import structs

from fanal.accounts import operations as accounts
from fanal.accounts.domain.records import OrganisationKind
from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.domain.lists import ListAttributes, Scope
from fanal.analyse.operations import asides
from fanal.harmonise import queries as harmonised
from fanal.judicial import operations as judicial
from fanal.measures.domain.records import Addressee
from fanal.orient import operations as orient
from fanal.orient.domain.records import Choice, Track
from tests.integration.desk.story import HOST, WORKER, Desk


def decided(desk: Desk, name: str = "material", *, author: str = "ana") -> UUID:
    """A report is claimed and decided on both tracks; its measure waits for a second person."""
    actor, report_id = desk.actor(author), desk.reports[name]
    claim = orient.claim_case(actor=actor, report_id=report_id, now=desk.now)
    judicial.record_decision(
        actor=actor,
        report=harmonised.get_records(actor=actor, report_ids=[report_id])[report_id],
        choice=Choice(
            tracks=(Track.JUDICIAL, Track.MEASURES), bases=("CP 227-23",), reason="read twice"
        ),
        claim_token=claim.token,
        now=desk.now,
        addressees={HOST: Addressee(name="Hosting Example", contact="abuse@hosting.example")},
    )
    return report_id


def listed(desk: Desk, name: str, *, aside: bool = True, scope: Scope = Scope.MATCH) -> UUID:
    """Load a list of another body that knows a report's file, analyse again; return the entry."""
    owner = accounts.ensure_organisation(
        actor=WORKER, kind=OrganisationKind.AUTHORITY, name="Bureau exemple", now=desk.now
    )
    said = ListAttributes(
        owner_id=owner,
        scheme="NCMEC",
        category="A1",
        confidence=80,
        legal_basis="LCEN_6_1",
        scope=scope,
        description="Empreintes reçues du Bureau exemple",
    )
    analyse.create_list(actor=WORKER, name="alpha", attributes=said, now=desk.now)
    report_id = desk.reports[name]
    record = harmonised.get_records(actor=WORKER, report_ids=[report_id])[report_id]
    value = next(file.md5 for file in record.files if file.md5)
    (item,) = analyse.load_list(actor=WORKER, name="alpha", lines=["md5", value], now=desk.now)
    analyse.analyse_batch(actor=WORKER, reports=[record], now=desk.now)
    if aside:
        set_aside(desk, name)
    return item


def set_aside(desk: Desk, name: str) -> None:
    """Set the entry aside that met a report's file, as a rule with one match would."""
    shipped = asides.current_rule(desk.now)
    one = structs.replace(shipped, value=structs.replace(shipped.value, matches=1))
    found = analysed.get_analyses(actor=WORKER, report_ids=[desk.reports[name]])
    with transaction.atomic():
        asides.watch_matches(actor=WORKER, analyses=list(found.values()), rule=one, now=desk.now)
