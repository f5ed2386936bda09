"""What stands before an act: a report that is held, a measure that waits, a rule set that was run dry.

Each function gets the scene of one cell, makes there through the operations what the act follows, and
returns the filled-in form. Those steps are of colleagues of the cell's desk who walk nowhere, so that whoever
is refused meets an object on which the act is possible, and the policy alone stands against it. In `OWN` the
step before is the walker's own, where they may do it: who releases a report has taken it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.db import connection
from django.test import Client

from fanal.accounts.domain.records import NewHabilitation
from fanal.accounts.models import User
from fanal.accounts.operations.habilitations import grant_habilitation
from fanal.accounts.queries.people import actor_for
from fanal.analyse.priority.domain.rules import write_rules
from fanal.analyse.priority.operations import draft_ruleset, dry_run_ruleset, load_shipped
from fanal.analyse.priority.queries import current_rules
from fanal.casework import queries as acts
from fanal.casework.domain.records import Addressee, Event, Event as Followed
from fanal.casework.models import Document, Step
from fanal.casework.operations.acts import take_step
from fanal.casework.operations.approvals import approve_act
from fanal.casework.operations.deciding import record_decision
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.records import Arrival, Format, Stage, Submission
from fanal.intake.operations.lifecycle import review_report
from fanal.intake.operations.receive import receive_reports
from fanal.judicial.emergency_call.acts import record_call
from fanal.kernel.actors import Actor, Role, public_actor
from fanal.kernel.calendar import paris_day
from fanal.measures import queries as measured
from fanal.measures.domain.oversight import Happening
from fanal.measures.domain.records import Measure
from fanal.measures.domain.warnings import Asked
from fanal.measures.notice import acts as notices
from fanal.measures.notice.document import Notice, read_notice
from fanal.measures.notice.kind import NOTICE
from fanal.measures.operations.drafts import amend_measure, approve_measure, submit_measure
from fanal.measures.operations.milestones import record_first_contact, record_sent
from fanal.measures.operations.oversight import note_in_session, start_session
from fanal.orient.domain.records import Choice, Track
from fanal.orient.models import Case
from fanal.orient.operations.decisions import reopen_case
from fanal.orient.queue.operations import claim_case
from tests.integration.desk.ruleset_typed import typed
from tests.integration.policy.held import Walker, rights
from tests.integration.policy.world import SYSTEM, World

REASON = "Asked for by a magistrate in a case."
PASSWORD = "a long enough password of the walk"
WESTERN = frozenset({"other_desk", "other_partner"})


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One cell: who walks with which browser, and the cell's objects."""

    world: World
    walker: Walker
    cell: str
    browser: Client

    @property
    def desk_id(self) -> int:
        """Return the desk of the cell."""
        return 2 if self.cell in WESTERN else 1

    @property
    def report_id(self) -> UUID:
        """Return the cell's report."""
        return self.world.report_ids[self.cell]

    @property
    def other_id(self) -> UUID:
        """Return another report of the cell's desk."""
        others = {"own": "sealed", "sealed": "own", "other_desk": "other_partner"}
        return self.world.report_ids[others.get(self.cell, "other_desk")]

    def whoever(self, action: str) -> Actor:
        """Return the walker where they may do `action` on the cell, else the desk's supervisor."""
        if self.cell in rights(self.walker, action):
            return self.actor(self.world.users[self.walker])
        return self.keeper

    @property
    def keeper(self) -> Actor:
        """Return a supervisor of the cell's desk, who walks nowhere."""
        return self.named(f"keeper-{self.cell}")

    @property
    def colleague(self) -> Actor:
        """Return an analyst of the cell's desk, who walks nowhere."""
        return self.named(f"colleague-{'own' if self.cell == 'sealed' else self.cell}")

    def named(self, login: str) -> Actor:
        """Return the person of a login as an actor."""
        return self.actor(User.objects.get(username=login))

    def actor(self, user: User) -> Actor:
        """Return a user as an actor, now."""
        return actor_for(user=user, now=datetime.now(UTC), motive="walk")


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What is sent, and what stands in the address in place of the cell's own object."""

    form: Mapping[str, object] = field(default_factory=dict)
    address: Mapping[str, object] = field(default_factory=dict)


def shown_of(address: Mapping[str, object]) -> dict[str, object]:
    """Return what the page of the act that an address names, if it names one, says that it shows."""
    for name in (
        "measure_id", "notice_id", "blocking_id", "dereferencing_id", "appeal_id", "mirror_id", "emergency_call_id", "referral_id", "sheet_id",
    ):  # fmt: skip
        if name in address:
            row = Document.objects.filter(act_id=address[name]).order_by("-revision")[0]
            steps = Step.objects.filter(act_id=address[name]).count()
            return {"steps": steps, "digest": bytes(row.digest).hex()}
    return {}


def waiting(scene: Scene) -> Posted:
    """Have the decided report back in the queue."""
    reopen_case(actor=scene.keeper, report_id=scene.report_id, now=datetime.now(UTC))
    return Posted()


def taken(scene: Scene) -> Posted:
    """Have the report held."""
    waiting(scene)
    claim = claim_case(
        actor=scene.whoever("report.claim"), report_id=scene.report_id, now=datetime.now(UTC)
    )
    return Posted(form={"token": str(claim.token)})


def to_decide(scene: Scene) -> Posted:
    """Have the report held, and a decision that nothing follows."""
    return Posted(form={**taken(scene).form, "way": "NONE", "reason": REASON})


def decided(scene: Scene, by: Actor | None = None) -> Posted:
    """Have a decision that nothing follows, so that the report may be closed."""
    waiting(scene)
    who, report_id, now = by or scene.colleague, scene.report_id, datetime.now(UTC)
    token = claim_case(actor=who, report_id=report_id, now=now).token
    (report,) = harmonised.get_records(actor=who, report_ids=[report_id]).values()
    choice = Choice(tracks=(Track.NONE,), bases=(), reason=REASON)
    record_decision(actor=who, report=report, choice=choice, claim_token=token, now=now)
    return Posted()


def just_decided(scene: Scene) -> Posted:
    """Have a decision of the walker's own, where they may decide, taken a moment ago."""
    return decided(scene, scene.whoever("report.decide"))


def folded(scene: Scene) -> Posted:
    """Have the report folded into another of its desk."""
    waiting(scene)
    Case.objects.filter(report_id=scene.report_id).update(state="FOLDED", head_id=scene.other_id)
    Case.objects.filter(report_id=scene.other_id).update(folded=1)
    return Posted(form={"reason": REASON})


def reachable(scene: Scene) -> Posted:
    """Have a report of the public form, whose reporter holds a code."""
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=b"{}", canonical=b"{}", desk_id=scene.desk_id
    )
    [answer] = receive_reports(
        actor=public_actor(), submissions=[submission], now=datetime.now(UTC)
    )
    return Posted(form={"text": "Which game?"}, address={"report_id": answer.report_id})


def answered(scene: Scene) -> Posted:
    """Have a report whose reporter wrote to the desk; nobody has read it."""
    waiting(scene)
    message_id = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_message (id, report_id, from_desk, created_at, object_id)"
            " VALUES (%s, %s, false, %s, %s)",
            [message_id, scene.report_id, datetime.now(UTC), uuid4()],
        )
    return Posted(form={"answer": str(message_id)})


def quarantined(scene: Scene) -> Posted:
    """Have a stage that failed three times on the report."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_work (report_id, stage, urgent, attempts, quarantined_at, error)"
            " VALUES (%s, %s, false, 3, now(), 'WORKER_DIED')",
            [scene.report_id, Stage.ANALYSE],
        )
    return Posted()


def end_proposed(scene: Scene) -> Posted:
    """Have a colleague propose that the report ends before its date."""
    review_id = review_report(
        actor=scene.keeper,
        report_id=scene.report_id,
        end=True,
        motive=REASON,
        now=datetime.now(UTC),
    )
    return Posted(form={"review": str(review_id), "verdict": "refuse", "motive": REASON})


def set_aside(scene: Scene) -> Posted:
    """Have the entry of the list set aside, as its match rate would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analyse_aside (id, list_id, item_id, since, matched, hours, rule)"
            " SELECT %s, id, %s, %s, 9, 24, 'r@1' FROM analyse_list WHERE name = 'known'",
            [uuid4(), scene.world.item_id, scene.world.now],
        )
    return Posted(form={"outcome": "RELEASED", "reason": REASON})


def drafted(scene: Scene) -> Posted:
    """Have a rule set that a supervisor drafted."""
    load_shipped(actor=SYSTEM, now=scene.world.now)
    rules = msgspec.structs.replace(current_rules(), version="priority/walked")
    ruleset_id = draft_ruleset(actor=scene.keeper, body=write_rules(rules), now=datetime.now(UTC))
    return Posted(address={"ruleset_id": ruleset_id})


def run_dry(scene: Scene) -> Posted:
    """Have a rule set that was drafted and run dry."""
    made = drafted(scene)
    dry_run_ruleset(
        actor=scene.keeper,
        ruleset_id=UUID(str(made.address["ruleset_id"])),
        report_ids=[],
        kin=[],
        now=datetime.now(UTC),
    )
    return made


def rules_typed(scene: Scene) -> Posted:
    """Fill in the form of a rule set."""
    load_shipped(actor=SYSTEM, now=scene.world.now)
    return Posted(form=typed(current_rules()))


def habilitation_form(scene: Scene) -> Posted:
    """Fill in the form that habilitates a person at the cell's desk."""
    today = paris_day(datetime.now(UTC))
    return Posted(
        form={
            "login": "nobody",
            "role": "JUDICIAL_OFFICER",
            "desk": str(scene.desk_id),
            "act": "ACT 2",
            "from": today.isoformat(),
            "until": (today + timedelta(days=9)).isoformat(),
        }
    )


def granted(scene: Scene) -> Posted:
    """Have a habilitation of the cell's desk that waits for its second granter."""
    now = datetime.now(UTC)
    habilitation = NewHabilitation(
        person_id=scene.world.users[None].person_id,
        role=Role.MEASURES_OFFICER,
        act_reference="ACT 3",
        valid_from=now,
        valid_until=now + timedelta(days=9),
        desk_id=scene.desk_id,
    )
    made = grant_habilitation(actor=scene.keeper, habilitation=habilitation, now=now)
    return Posted(address={"habilitation_id": made})


def addressed(scene: Scene) -> Posted:
    """Fill in to whom the cell's measure goes."""
    return Posted(
        form={
            "name": "Hosting Example",
            "contact": "abuse@hosting.example",
            "language": "fr",
            "target": list(measure_of(scene).request.targets),
        }
    )


def complete(scene: Scene) -> Posted:
    """Have a draft that names its addressee."""
    amend_measure(
        actor=scene.colleague,
        measure_id=measure_of(scene).id,
        addressee=Addressee(name="Hosting Example", contact="abuse@hosting.example"),
        targets=measure_of(scene).request.targets,
        non_disclosure=False,
        now=datetime.now(UTC),
    )
    return Posted(form={"seen": " ".join(_warned(scene)), "reason": REASON})


def submitted(scene: Scene) -> Posted:
    """Have a measure that waits for its second person."""
    said = complete(scene).form
    submit_measure(
        actor=scene.colleague,
        measure_id=measure_of(scene).id,
        now=datetime.now(UTC),
        seen=_warned(scene),
        reason=REASON,
    )
    return Posted(form={**said, "digest": measure_of(scene).digest.hex()})


def approved(scene: Scene) -> Posted:
    """Have a measure that may be sent: seconded, its host informed half a day ago."""
    submitted(scene)
    now = datetime.now(UTC)
    approve_measure(
        actor=scene.keeper,
        measure_id=measure_of(scene).id,
        digest=measure_of(scene).digest,
        now=now,
        seen=_warned(scene),
        reason=REASON,
    )
    record_first_contact(
        actor=_officer(scene),
        recipient=measure_of(scene).request.recipient,
        event=Event(happened_at=now - timedelta(hours=13), proof="letter"),
        now=now,
    )
    return Posted(form={"move": "send", "proof": "receipt 12"})


def _officer(scene: Scene) -> Actor:
    return scene.actor(scene.world.users[Role.MEASURES_OFFICER])


def notice_told(scene: Scene) -> Posted:
    """Fill in to whom the cell's notice goes, and why."""
    return Posted(
        form={
            "name": "Hosting Ltd",
            "contact": "dsa@hosting.example",
            "reasons": REASON,
            "target": list(_notice(scene)[0].targets),
        }
    )


def notice_submitted(scene: Scene) -> Posted:
    """Have a notice that waits for its second person."""
    now, notice_id = datetime.now(UTC), scene.world.notice_ids[scene.cell]
    notices.amend_notice(
        actor=scene.colleague,
        notice_id=notice_id,
        addressee=Addressee(name="Hosting Ltd", contact="dsa@hosting.example"),
        targets=_notice(scene)[0].targets,
        reasons=REASON,
        now=now,
    )
    take_step(
        actor=scene.colleague,
        lifecycle=NOTICE,
        act_id=notice_id,
        transition="submit",
        event=Followed(happened_at=now),
        now=now,
    )
    return Posted(form={"digest": _notice(scene)[1].hex(), "reason": REASON})


def notice_approved(scene: Scene) -> Posted:
    """Have a notice that may be sent."""
    notice_submitted(scene)
    approve_act(
        actor=scene.keeper,
        lifecycle=NOTICE,
        act_id=scene.world.notice_ids[scene.cell],
        digest=_notice(scene)[1],
        now=datetime.now(UTC),
    )
    return Posted(form={"move": "send", "proof": "mail 12"})


def called(scene: Scene) -> Posted:
    """Have no call to make on the report: another one is opened."""
    record_call(
        actor=scene.keeper,
        call_id=scene.world.emergency_call_ids[scene.cell],
        transition="decline",
        event=Event(happened_at=datetime.now(UTC), proof=REASON),
        now=datetime.now(UTC),
    )
    return Posted()


def _notice(scene: Scene) -> tuple[Notice, bytes]:
    """Return the cell's notice and the digest of its bytes."""
    found = acts.get_act(
        actor=scene.colleague, lifecycle=NOTICE, act_id=scene.world.notice_ids[scene.cell]
    )
    assert found is not None
    assert found.content is not None
    return read_notice(found.content).notice, found.digest


def measure_of(scene: Scene) -> Measure:
    """Return the removal request of the cell."""
    found = measured.get_measure(
        actor=scene.colleague, measure_id=scene.world.measure_ids[scene.cell]
    )
    assert found is not None
    return found.measure


def _warned(scene: Scene) -> list[str]:
    """Return the tokens of the warnings that stand on the cell's measure."""
    found = measure_of(scene)
    asked = Asked(desk_id=found.desk_id, report_id=found.report_id, request=found.request)
    said = measured.warnings_on(actor=scene.colleague, asked=[asked])[found.id]
    return sorted({token for one in said for token in one.tokens})


def seen(scene: Scene) -> Posted:
    """Have a session of the overseer in which one of two sent measures of a host was read."""
    world, alike = scene.world, [replace(scene, cell=cell) for cell in ("own", "sealed")]
    for one in alike:
        approved(one)
        record_sent(
            actor=_officer(scene),
            measure_id=measure_of(one).id,
            event=Event(happened_at=datetime.now(UTC), proof="receipt"),
            now=datetime.now(UTC),
        )
    ended(scene)
    overseer = scene.actor(world.users[Role.OVERSEER])
    session_id = start_session(actor=overseer, size=10, now=datetime.now(UTC))
    ids = [world.measure_ids["own"], world.measure_ids["sealed"]]
    note_in_session(
        actor=overseer,
        session_id=session_id,
        what=Happening.SEEN,
        measure_id=ids[0],
        now=datetime.now(UTC),
    )
    return Posted(
        form={"by": "HOST", "verdict": "AGREED", "measure": [str(one) for one in ids]},
        address={"session_id": session_id},
    )


def ended(scene: Scene) -> Posted:
    """Have no session open."""
    note_in_session(
        actor=scene.actor(scene.world.users[Role.OVERSEER]),
        session_id=scene.world.session_id,
        what=Happening.ENDED,
        now=datetime.now(UTC),
    )
    return Posted(form={"size": "10"})


def with_password(scene: Scene) -> Posted:
    """Have the walker, where they have an account, sign in by a password that they know."""
    if scene.walker is Role.PUBLIC:
        return Posted(form={"password": PASSWORD})
    user = scene.world.users[scene.walker]
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    scene.browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    return Posted(form={"password": PASSWORD})


def new_password(scene: Scene) -> Posted:
    """Fill in another password."""
    with_password(scene)
    new = f"{PASSWORD}, again"
    return Posted(form={"oldpassword": PASSWORD, "password1": new, "password2": new})


OWN = frozenset({taken, to_decide, just_decided, with_password, new_password})
"""Scenes made for each walker; the others are made once for all who walk over a cell."""
