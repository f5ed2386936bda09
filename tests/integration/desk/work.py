"""Work done at the desk through the operations, for tests that begin after it."""

import re
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from msgspec import structs

from fanal.accounts.domain.records import OrganisationKind
from fanal.accounts.operations.people import ensure_organisation
from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.material.domain.lists import ListAttributes, MatchScope
from fanal.analyse.material.operations import asides
from fanal.analyse.material.operations.list_imports import create_list
from fanal.analyse.material.operations.lists import load_list
from fanal.casework.domain.records import Addressee, Event
from fanal.casework.operations.acts import take_step
from fanal.casework.operations.deciding import record_decision
from fanal.harmonise import queries as harmonised
from fanal.judicial import queries as judicial
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.operations import amend_referral
from fanal.orient.domain.records import Choice, Track
from fanal.orient.queue.operations import claim_case
from tests.integration.desk.story import HOST, WORKER, Desk
from tests.server import as_worker

_SHOWN = re.compile(r'name="(steps|digest)" value="([0-9a-f]*)"')


def shown(web: Client, page: str) -> dict[str, str]:
    """What the forms of an act's page say that it showed."""
    found = set(_SHOWN.findall(web.get(page).content.decode()))
    assert len(found) in {0, 2}  # the same in every form
    return dict(found)


def send(
    web: Client, page: str, form: str, said: Mapping[str, object] | None = None
) -> HttpResponse:
    """Open the page of an act, and send one of its forms at once."""
    return web.post(f"{page}{form}/", shown(web, page) | dict(said or {}))


def judged(web: Client, page: str, **said: object) -> HttpResponse:
    """Open the page of a dossier, and send a judgement at once."""
    opened = web.get(page)
    members = opened.context["members"] if opened.status_code == 200 else ""
    return web.post(f"{page}judge/", {"members": members, **said})


BOTH = Choice(tracks=(Track.JUDICIAL, Track.MEASURES), bases=("CP 227-23",), reason="read twice")


def decided(
    desk: Desk, name: str = "material", *, author: str = "ana", choice: Choice = BOTH
) -> UUID:
    """A report is claimed and decided (on both tracks; its measure then waits for a second person)."""
    actor, report_id = desk.actor(author), desk.reports[name]
    claim = claim_case(actor=actor, report_id=report_id, now=desk.now)
    record_decision(
        actor=actor,
        report=harmonised.get_records(actor=actor, report_ids=[report_id])[report_id],
        choice=choice,
        claim_token=claim.token,
        now=desk.now,
        addressees={HOST: Addressee(name="Hosting Example", contact="abuse@hosting.example")},
    )
    return report_id


REFERRAL_ONLY = Choice(tracks=(Track.JUDICIAL,), bases=("CP 227-22-1",), reason="read twice")


def referred(desk: Desk, name: str, *, to: str = "send") -> UUID:
    """A report is decided on the judicial track, and its referral carried to the transition `to`."""
    report_id, officer = decided(desk, name, choice=REFERRAL_ONLY), desk.actor("driss")
    (referral,) = judicial.referrals_of(actor=officer, report_ids=[report_id])[report_id]
    amend_referral(
        actor=officer, referral_id=referral.id, body="OFMIN", summary="Facts.", now=desk.now
    )
    for transition in ("prepare", "send"):
        if to == "withdraw":
            break
        take_step(
            actor=officer,
            lifecycle=REFERRAL,
            act_id=referral.id,
            transition=transition,
            event=Event(happened_at=desk.now, proof="Receipt 12"),
            now=desk.now,
        )
    if to == "withdraw":
        take_step(
            actor=officer,
            lifecycle=REFERRAL,
            act_id=referral.id,
            transition="withdraw",
            event=Event(happened_at=desk.now, reason="Not for us."),
            now=desk.now,
        )
    return report_id


def listed(
    desk: Desk, name: str, *, aside: bool = True, scope: MatchScope = MatchScope.MATCH
) -> UUID:
    """Load a list of another body that knows a report's file, analyse again; return the entry."""
    owner = ensure_organisation(
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
    create_list(actor=WORKER, name="alpha", attributes=said, now=desk.now)
    report_id = desk.reports[name]
    record = harmonised.get_records(actor=WORKER, report_ids=[report_id])[report_id]
    value = next(file.md5 for file in record.files if file.md5)
    (item,) = load_list(actor=WORKER, name="alpha", lines=["md5", value], now=desk.now)
    with as_worker():
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
