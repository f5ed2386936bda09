"""The world that the walk meets: one object of each kind for each cell, every one with a canary.

It is made through the operations, as people would. Canaries: every value that a cell's object may show is a
word of its own (`canary-own-facts`), so that one search over a body tells what leaked, in whatever shape
(page, JSON, CSV, error text).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import msgspec
import pyrage
from django.conf import settings
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.domain.records import NewAccount, NewHabilitation, OrganisationKind
from fanal.accounts.models import User
from fanal.accounts.operations.desks import ensure_desk
from fanal.accounts.operations.habilitations import grant_habilitation
from fanal.accounts.operations.instructions import propose_instruction, second_instruction
from fanal.accounts.operations.partners import add_partner
from fanal.accounts.operations.people import create_account, ensure_organisation
from fanal.accounts.operations.resets import ResetReason, propose_reset
from fanal.accounts.queries.people import actor_for, find_partner
from fanal.analyse.material.operations.lists import load_list
from fanal.analyse.material.queries.lists import find_list
from fanal.analyse.payments.domain.transfers import paid_in
from fanal.analyse.payments.queries import get_payer
from fanal.casework.domain.records import Addressee, AddresseeKind
from fanal.casework.operations.acts import open_act
from fanal.casework.operations.deciding import record_decision
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.crosscheck.operations.judge import judge
from fanal.distribution.operations.recipients import add_recipient
from fanal.distribution.operations.sending import send
from fanal.exchange.domain.records import ListSource, Service
from fanal.exchange.operations.sources import add_source
from fanal.harmonise import queries as harmonised
from fanal.harmonise.operations.identity import open_identity
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.judicial import operations as judicial
from fanal.judicial.domain.records import SheetReport
from fanal.judicial.emergency_call.acts import draft_of
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.ids import new_id
from fanal.measures.blocking.acts import open_blocking
from fanal.measures.blocking.document import Ground, Mentions
from fanal.measures.dereferencing.acts import open_dereferencings
from fanal.measures.domain.oversight import RecommendationKind
from fanal.measures.operations.oversight import recommend, start_session
from fanal.orient.alarms.operations.alarms import raise_alarm
from fanal.orient.domain.records import Choice, QueueFilter, QueueView, Track
from fanal.orient.models import Case, StoredAlarm
from fanal.orient.operations.notes import note_dossier, note_report
from fanal.orient.queue.operations import claim_case, save_view
from fanal.worker.stages import StageLoop
from tests.integration.policy.contested import contest
from tests.integration.policy.deconflicting import meet_and_withhold
from tests.integration.policy.held import TWO_DESKS, Walker

SYSTEM = system_actor("walk over every route")
OBJECT_CELLS = ("own", "other_desk", "other_partner", "sealed")
DESK_ROLES = {Role.ANALYST, Role.SUPERVISOR, Role.JUDICIAL_OFFICER, Role.MEASURES_OFFICER}
WALKERS: tuple[Walker, ...] = (None, *(r for r in Role if r not in {Role.SYSTEM}), *TWO_DESKS)
"""Who walks: each role, somebody signed in without any role (None), the public, and people of two desks."""


@dataclass(kw_only=True)
class World:
    """Objects by cell; `canaries` maps each canary word to the cell it belongs to."""

    now: datetime
    users: dict[Walker, User] = field(default_factory=dict)
    partner_ids: dict[str, UUID] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    basics: dict[str, tuple[str, str]] = field(default_factory=dict)
    report_ids: dict[str, UUID] = field(default_factory=dict)
    habilitation_ids: dict[str, UUID] = field(default_factory=dict)
    alarm_ids: dict[str, UUID] = field(default_factory=dict)
    measure_ids: dict[str, UUID] = field(default_factory=dict)
    referral_ids: dict[str, UUID] = field(default_factory=dict)
    notice_ids: dict[str, UUID] = field(default_factory=dict)
    blocking_ids: dict[str, UUID] = field(default_factory=dict)
    dereferencing_ids: dict[str, UUID] = field(default_factory=dict)
    appeal_ids: dict[str, UUID] = field(default_factory=dict)
    mirror_ids: dict[str, UUID] = field(default_factory=dict)
    emergency_call_ids: dict[str, UUID] = field(default_factory=dict)
    dossier_ids: dict[str, UUID] = field(default_factory=dict)
    recommendation_ids: dict[str, UUID] = field(default_factory=dict)
    payer_ids: dict[str, UUID] = field(default_factory=dict)
    sheet_ids: dict[str, UUID] = field(default_factory=dict)
    opening_ids: dict[str, UUID] = field(default_factory=dict)
    item_id: UUID | None = None
    view_ids: dict[str, UUID] = field(default_factory=dict)
    shared_view_ids: dict[str, UUID] = field(default_factory=dict)
    hit_ids: dict[str, UUID] = field(default_factory=dict)
    counterpart_id: UUID = field(default_factory=lambda: UUID(int=0))
    session_id: UUID = field(default_factory=lambda: UUID(int=0))
    reset_id: UUID = field(default_factory=lambda: UUID(int=0))
    instruction_id: UUID = field(default_factory=lambda: UUID(int=0))
    package_id: UUID | None = None
    source_id: UUID | None = None
    canaries: dict[str, str] = field(default_factory=dict)
    cookies: dict[Walker, dict[str, str]] = field(default_factory=dict)

    def canary(self, cell: str, what: str) -> str:
        """Return the canary of a value of a cell, noted for the search over bodies."""
        word = f"canary-{cell.replace('_', '-')}-{what}"
        self.canaries[word] = cell
        return word


def _sessions(world: World) -> None:
    """Sign every walker in once: their browsers begin with that session."""
    for walker, user in world.users.items():
        browser = Client(headers={"X-Forwarded-Proto": "https"})
        browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
        world.cookies[walker] = {name: one.value for name, one in browser.cookies.items()}


def _lists(world: World) -> None:
    """Make an entry of a list of known hashes: before any rule is taken away, by whose leave it is made."""
    (world.item_id,) = load_list(actor=SYSTEM, name="known", lines=["md5", "a" * 32], now=world.now)
    known = find_list(name="known")
    assert known is not None
    world.source_id = add_source(
        actor=SYSTEM, loopback=True, now=world.now,
        source=ListSource(
            id=new_id(world.now), name="partner", kind=Service.HASHSHARING,
            url="http://127.0.0.1:9", list_id=known.id, added_at=world.now,
        ),
    )  # fmt: skip


def make_world() -> World:
    """Make the people, the partners and the reports of every cell."""
    world = World(now=datetime.now(UTC))
    ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
    for cell in ("own", "other_partner"):
        issued = add_partner(actor=SYSTEM, name=f"partner {cell}", now=world.now)
        found = find_partner(name=issued.partner)
        assert found is not None
        world.partner_ids[cell] = found
        world.tokens[cell] = issued.token
        world.basics[cell] = (issued.user, issued.password)
    _people(world)
    _reports(world)
    _decisions(world)
    _dossiers(world)
    _sheets(world)
    _oversight(world)
    _lists(world)
    _notes(world)
    _openings(world)
    contest(world, partial(_colleague, world), OBJECT_CELLS)
    _views(world)
    _instruction(world)
    _package(world)
    meet_and_withhold(world, partial(_colleague, world), OBJECT_CELLS)
    _sessions(world)
    return world


def _people(world: World) -> None:
    laboratory = ensure_organisation(
        actor=SYSTEM, kind=OrganisationKind.LABORATORY, name="laboratory", now=world.now
    )
    bodies = {Role.PARTNER: world.partner_ids["own"], Role.LABORATORY: laboratory}
    for role in (None, *(r for r in Role if r not in {Role.SYSTEM, Role.PUBLIC})):
        name = (role or "nobody").lower()
        user = create_account(
            actor=SYSTEM, account=NewAccount(username=name, name=name, password=None), now=world.now
        )
        world.users[role] = user
        if role is not None:
            _grant(world, user, role, desk=1, body=bodies.get(role))
    for name, roles in TWO_DESKS.items():
        user = create_account(
            actor=SYSTEM, account=NewAccount(username=name, name=name, password=None), now=world.now
        )
        world.users[name] = user
        for role, desk in roles:
            _grant(world, user, role, desk=desk, body=bodies.get(role))
    for cell, desk in (("own", 1), ("other_desk", 2), ("other_partner", 2)):
        user = create_account(
            actor=SYSTEM,
            account=NewAccount(username=f"colleague-{cell}", name=world.canary(cell, "colleague")),
            now=world.now,
        )
        world.habilitation_ids[cell] = _grant(world, user, Role.ANALYST, desk=desk, body=None)
    world.habilitation_ids["sealed"] = world.habilitation_ids["own"]


def _grant(world: World, user: User, role: Role, *, desk: int, body: UUID | None) -> UUID:
    habilitation = NewHabilitation(
        person_id=user.person_id,
        role=role,
        act_reference="ACT",
        valid_from=world.now - timedelta(hours=1),
        valid_until=world.now + timedelta(days=90),
        desk_id=desk if role in DESK_ROLES else None,
        organisation_id=body,
    )
    return grant_habilitation(actor=SYSTEM, habilitation=habilitation, now=world.now)


def _reports(world: World) -> None:
    """Receive a report a cell, run every stage over them, and raise their alarms.

    The report of the cell `sealed` is one of the own desk whose reporter gave a name: its facts are the
    desk's, the name is sealed.
    """
    submissions = [_submission(world, cell) for cell in OBJECT_CELLS]
    answers = receive_reports(actor=SYSTEM, submissions=submissions, now=world.now)
    for cell, answer in zip(OBJECT_CELLS, answers, strict=True):
        assert answer.report_id is not None
        world.report_ids[cell] = answer.report_id
    stages = StageLoop(actor=SYSTEM, clock=lambda: world.now)
    while stages.run_once():
        pass
    assert Case.objects.count() == len(OBJECT_CELLS), (
        "a report did not reach the queue: nothing to see"
    )
    for cell in OBJECT_CELLS:
        raise_alarm(
            actor=SYSTEM, report_id=world.report_ids[cell], desk_id=_desk(cell), now=world.now
        )
    alarms = dict(StoredAlarm.objects.values_list("report_id", "id"))
    world.alarm_ids = {cell: alarms[world.report_ids[cell]] for cell in OBJECT_CELLS}


def _colleague(world: World, cell: str) -> Actor:
    """Return an analyst of the cell's desk."""
    name = f"colleague-{'own' if cell == 'sealed' else cell}"
    user = User.objects.get(username=name)
    return actor_for(user=user, now=world.now, motive="walk")


def _decisions(world: World) -> None:
    """Decide each cell's report on every track: a measure, a notice and a referral of each; open its call."""
    for cell in OBJECT_CELLS:
        actor, report_id = _colleague(world, cell), world.report_ids[cell]
        claim = claim_case(actor=actor, report_id=report_id, now=world.now)
        recorded = record_decision(
            actor=actor,
            report=harmonised.get_records(actor=actor, report_ids=[report_id])[report_id],
            choice=Choice(
                tracks=(Track.JUDICIAL, Track.MEASURES, Track.NOTICE),
                bases=("CP 227-23", "CP 227-22-1"),
                reason=world.canary("own" if cell == "sealed" else cell, "reason"),
            ),
            claim_token=claim.token,
            now=world.now,
        )
        (world.measure_ids[cell],) = recorded.opened["measure"]
        world.referral_ids[cell] = recorded.opened["referral"][0]
        (world.notice_ids[cell],) = recorded.opened["notice"]
        record = harmonised.get_records(actor=actor, report_ids=[report_id])[report_id]
        world.blocking_ids[cell] = open_blocking(
            actor=actor,
            removal_id=world.measure_ids[cell],
            name=record.urls[0].host or "",
            ground=Ground.NO_MENTIONS,
            mentions=Mentions(**dict.fromkeys(Mentions.__struct_fields__, "capture")),
            reasons=world.canary("own" if cell == "sealed" else cell, "blocking"),
            now=world.now,
        )
        engine = Addressee(kind=AddresseeKind.SEARCH_ENGINE, name="Search", contact="a@b.example")
        (world.dereferencing_ids[cell],) = open_dereferencings(
            actor=actor,
            removal_id=world.measure_ids[cell],
            recipients=[engine],
            reasons=world.canary("own" if cell == "sealed" else cell, "dereferencing"),
            now=world.now,
        )
        world.emergency_call_ids[cell] = open_act(
            actor=actor,
            lifecycle=EMERGENCY_CALL,
            draft=draft_of(report_id, desk_id=_desk(cell), record=record),
            now=world.now,
        )


def _dossiers(world: World) -> None:
    """Join the reports of each desk into a dossier, as a person judges."""
    for one, other in (("own", "sealed"), ("other_desk", "other_partner")):
        judge(
            actor=_colleague(world, one),
            act=JudgementAct.LINK,
            left=[world.report_ids[one]],
            right=[world.report_ids[other]],
            reason=world.canary(one, "judgement"),
            now=world.now,
        )
        found = dossier_of(actor=SYSTEM, report_id=world.report_ids[one])
        assert found is not None
        world.dossier_ids |= {one: found, other: found}


def _oversight(world: World) -> None:
    """Recommend on each cell's measure, and open a session."""
    overseer = actor_for(user=world.users[Role.OVERSEER], now=world.now, motive="walk")
    for cell in OBJECT_CELLS:
        world.recommendation_ids[cell] = recommend(
            actor=overseer,
            measure_id=world.measure_ids[cell],
            kind=RecommendationKind.CORRECT,
            words=world.canary("own" if cell == "sealed" else cell, "recommendation"),
            now=world.now,
        )
    world.session_id = start_session(actor=overseer, size=10, now=world.now)


def _notes(world: World) -> None:
    """Write a note on each desk's report and dossier."""
    for cell in ("own", "other_desk"):
        colleague = _colleague(world, cell)
        note_report(
            actor=colleague,
            report_id=world.report_ids[cell],
            words=world.canary(cell, "note"),
            now=world.now,
        )
        note_dossier(
            actor=colleague,
            dossier_id=world.dossier_ids[cell],
            words=world.canary(cell, "dossiernote"),
            now=world.now,
        )


def _openings(world: World) -> None:
    """Let a supervisor of each desk open the identity of each report."""
    for cell in OBJECT_CELLS:
        desk = "own" if cell == "sealed" else cell
        user = create_account(
            actor=SYSTEM,
            account=NewAccount(username=f"keeper-{cell}", name="Keeper"),
            now=world.now,
        )
        _grant(world, user, Role.SUPERVISOR, desk=_desk(cell), body=None)
        officer = create_account(
            actor=SYSTEM,
            account=NewAccount(username=f"officer-{cell}", name="Officer"),
            now=world.now,
        )
        _grant(world, officer, Role.MEASURES_OFFICER, desk=_desk(cell), body=None)
        opened = open_identity(
            actor=actor_for(user=user, now=world.now),
            report_id=world.report_ids[cell],
            motive=f"asked for by a magistrate: {world.canary(desk, 'motive')}",
            now=world.now,
        )
        world.opening_ids[cell] = opened.opening_id


def _views(world: World) -> None:
    """Let a supervisor of each desk keep a view of their own and share another."""
    for cell in OBJECT_CELLS:
        keeper = User.objects.get(username=f"keeper-{cell}")
        actor = actor_for(user=keeper, now=world.now, motive="walk")
        desk = "own" if cell == "sealed" else cell
        for ids, name, share_with in (
            (world.view_ids, f"own {cell}", None),
            (world.shared_view_ids, f"{world.canary(desk, 'view')} {cell}", _desk(cell)),
        ):
            ids[cell] = save_view(
                actor=actor,
                name=name,
                view=QueueView.OPEN,
                filters=QueueFilter(kind="GROOMING"),
                now=world.now,
                share_with=share_with,
            )


def _instruction(world: World) -> None:
    """Let a supervisor propose a standing instruction: of the whole installation, for its staff's eyes."""
    keeper = User.objects.get(username="keeper-own")
    world.reset_id = propose_reset(
        actor=SYSTEM, person_id=world.users[None].person_id, factors=False,
        reason=ResetReason.LOST, now=world.now,
    )  # fmt: skip
    world.instruction_id = propose_instruction(
        actor=actor_for(user=keeper, now=world.now),
        instruction=NewInstruction(
            kind=InstructionKind.FEEDBACK,
            grounds=world.canary("none", "instruction"),
            basis="BASIS 1",
            valid_from=world.now,
            expires_at=world.now + timedelta(days=30),
        ),
        now=world.now,
    )


def _package(world: World) -> None:
    """Send the reports of every cell to another desk in one package."""
    key = str(pyrage.x25519.Identity.generate().to_public())
    add_recipient(
        actor=SYSTEM, code="BE-DESK", name="Desk", place=("BE", ""), key=key, now=world.now
    )
    one, other = (
        actor_for(user=User.objects.get(username=f"keeper-{cell}"), now=world.now)
        for cell in ("own", "other_desk")
    )
    made = propose_instruction(
        actor=one,
        instruction=NewInstruction(
            kind=InstructionKind.DISTRIBUTION,
            grounds="To the desk of Belgium.",
            basis="BASIS 1",
            valid_from=world.now,
            expires_at=world.now + timedelta(days=30),
        ),
        now=world.now,
    )
    second_instruction(actor=other, instruction_id=made, now=world.now)
    [sent] = send(actor=SYSTEM, sender="walk", deliver=lambda *_told: None, clock=lambda: world.now)
    assert sent.reports == len(OBJECT_CELLS)
    world.package_id = sent.package


def _desk(cell: str) -> int:
    return 1 if cell in {"own", "sealed"} else 2


def _payments(world: World, facts: str) -> list[dict[str, str]]:
    """Return payments of one payer that a typology reaches."""
    return [
        {
            "at": f"2026-0{1 + day // 28}-{1 + day % 28:02d}T23:30:00+01:00",
            "amount": f"{20 + 10 * place}",
            "currency": "EUR",
            "sender": world.canary(facts, "payer"),
            "beneficiary": world.canary(facts, "beneficiary"),
            "beneficiary_country": "PH",
            "label": "gift",
        }
        for place, day in enumerate((1, 4, 8, 11, 15, 18))
    ]


def _sheets(world: World) -> None:
    """Draft a sheet on the payer of each cell's report."""
    for cell in OBJECT_CELLS:
        actor, report_id = _colleague(world, cell), world.report_ids[cell]
        record = harmonised.get_records(actor=SYSTEM, report_ids=[report_id])[report_id]
        world.payer_ids[cell] = paid_in(record, {"EUR": 1.0})[0].sender.id()
        payer = get_payer(actor=actor, payer=world.payer_ids[cell], now=world.now)
        assert payer is not None
        held = SheetReport(
            report_id=report_id, reference=f"REF-{cell}", received_at=world.now, kind="GROOMING"
        )
        world.sheet_ids[cell] = judicial.draft_sheet(
            actor=actor, payer=payer, reports=(held,), linked=(), body="TRACFIN", now=world.now
        )


def _submission(world: World, cell: str) -> Submission:
    facts = "own" if cell == "sealed" else cell
    persons = [
        {
            "role": "SUSPECT",
            "country": "BE",
            "name": world.canary(facts, "name"),
            "handles": [{"platform": "game", "value": world.canary(facts, "handle")}],
        }
    ]
    if cell == "sealed":
        persons.append({"role": "REPORTER", "name": world.canary("sealed", "reporter")})
    body = msgspec.json.encode(
        {
            "reference": f"REF-{cell}",
            "kind": "GROOMING",
            "emergency": True,
            "description": world.canary(facts, "description"),
            # A protected name: its blocking takes a third person.
            "urls": [f"https://{world.canary(facts, 'host')}.gouv.fr/"],
            "persons": persons,
            "payments": _payments(world, facts),
        }
    )
    return Submission(
        arrival=Arrival.API,
        format=Format.REPORT,
        body=body,
        canonical=body,
        sender_id=world.partner_ids["own" if facts == "own" else "other_partner"],
        desk_id=_desk(cell),
        reference=f"REF-{cell}",
        urgent=True,
        identity=world.canary("sealed", "identity").encode() if cell == "sealed" else None,
    )
