"""From a report that names another country to that desk's acknowledgement, on PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import msgspec
import pyrage
import pytest

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.domain.policy import Refused
from fanal.accounts.operations import instructions as accounts
from fanal.accounts.queries.people import actor_for
from fanal.cli import distribution as command
from fanal.distribution import queries
from fanal.distribution.domain import package as packing
from fanal.distribution.domain.routing import shipped_routing
from fanal.distribution.operations import recipients, sending
from fanal.distribution.operations.sending import acknowledge, plan_batch
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.formats.report.records import Place
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.lifecycle import retract_report
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.files import open_submissions
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.operations.decisions import reopen_case
from fanal.orient.queries import get_case
from fanal.orient.queue.operations import claim_case, withdraw_case
from fanal.orient.queue.queries import count_views, list_queue
from fanal.vault.packs import BlobDamaged
from fanal.worker.stages import StageLoop
from tests.integration.accounts.people import make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
SYSTEM = system_actor("test")
NOW = datetime.now(UTC).replace(microsecond=0)
IDENTITY = pyrage.x25519.Identity.generate()
SENDER = uuid4()
PARTNER = Actor(person_id=SENDER, roles=frozenset({Role.PARTNER}), partner_id=SENDER)
Deliveries = dict[tuple[str, UUID], bytes]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


def receive(reference: str, *, test: bool = False, at: datetime = NOW, **fields: object) -> UUID:
    body = msgspec.json.encode({"reference": reference, "kind": "GROOMING"} | fields)
    [answer] = receive_reports(
        actor=SYSTEM,
        submissions=[
            Submission(
                arrival=Arrival.API,
                format=Format.REPORT,
                body=body,
                canonical=canonical_bytes(read_report(body)),
                sender_id=SENDER,
                reference=reference,
                is_test=test,
            )
        ],
        now=at,
    )
    assert answer.report_id is not None
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass
    return answer.report_id


def suspect(country: str, name: str = "s") -> dict[str, object]:
    emails = [f"{name}@mail.example"]
    return {"persons": [{"role": "SUSPECT", "country": country, "emails": emails}]}


@pytest.fixture
def registered() -> None:
    register(NOW)


def register(at: datetime) -> None:
    """The desk of Belgium is registered."""
    recipients.add_recipient(
        actor=SYSTEM,
        code="BE-DESK",
        name="Desk of Belgium",
        place=("BE", ""),
        key=str(IDENTITY.to_public()),
        now=at,
    )


@pytest.fixture
def instructed(registered: None) -> UUID:
    return instruct("BE-DESK")


def instruct(*names: str) -> UUID:
    """Two supervisors let packages leave, for these desks or for every one."""
    one, other = person("one", Role.SUPERVISOR), person("other", Role.SUPERVISOR)
    made = accounts.propose_instruction(
        actor=one,
        instruction=NewInstruction(
            kind=InstructionKind.DISTRIBUTION,
            grounds="Reports whose suspect lives in Belgium.",
            basis="CPP 695-9-31",
            names=names,
            valid_from=NOW - timedelta(days=1),
            expires_at=NOW + timedelta(days=30),
        ),
        now=NOW,
    )
    accounts.second_instruction(actor=other, instruction_id=made, now=NOW)
    return made


def person(login: str, role: Role) -> Actor:
    user = make_user(login, role, at=NOW - timedelta(days=1))
    return actor_for(user=user, now=NOW)


def send(delivered: Deliveries) -> dict[str, list[sending.TurnOutcome]]:
    def deliver(code: str, package: UUID, sealed: bytes) -> None:
        delivered[code, package] = sealed

    found: dict[str, list[sending.TurnOutcome]] = {}
    for sent in sending.send(
        actor=SYSTEM, sender="desk@desk.example", deliver=deliver, clock=clock.now
    ):
        found.setdefault(sent.recipient, []).append(sent)
    return found


def states(report_id: UUID) -> list[tuple[str, str]]:
    found = queries.items_of(actor=SYSTEM, report_ids=[report_id]).get(report_id, [])
    return [(item.country, item.state) for item in found]


def test_nothing_leaves_without_an_instruction(registered: None) -> None:
    report_id = receive("d-1", **suspect("BE"))
    delivered: Deliveries = {}
    assert [s.reason for s in send(delivered)["BE-DESK"]] == ["NO_INSTRUCTION"]
    assert (delivered, states(report_id)) == ({}, [("BE", "PLANNED")])


def test_an_instruction_for_everybody_reaches_no_desk_that_came_later(db: None) -> None:
    """Else one person opens the way to a key of theirs."""
    instruct()
    register(clock.now())
    receive("d-9", **suspect("BE"))
    delivered: Deliveries = {}
    assert [s.reason for s in send(delivered)["BE-DESK"]] == ["NO_INSTRUCTION"]
    assert delivered == {}


def test_a_report_is_sealed_sent_opened_and_acknowledged(instructed: UUID) -> None:
    abroad = receive("d-2", **suspect("BE"))
    ours = receive("d-3", **suspect("FR"))
    nobodys = receive("d-4", **suspect("ES"))
    tried = receive("d-5", test=True, **suspect("BE"))
    delivered: Deliveries = {}
    [sent] = send(delivered)["BE-DESK"]
    assert sent.reports == 1
    [((code, package), sealed)] = delivered.items()
    assert (code, package) == ("BE-DESK", sent.package)
    manifest, body = packing.unseal(sealed, identity=str(IDENTITY))
    [line] = body.splitlines()
    read = read_report(line)  # the other desk's import takes it
    assert [person.emails for person in read.persons] == [("s@mail.example",)]
    assert manifest.instruction == instructed
    assert (states(abroad), states(ours), states(tried)) == ([("BE", "SENT")], [], [])
    assert queries.planned(actor=SYSTEM) == {("ES", ""): 1}
    assert states(nobodys) == [("ES", "PLANNED")]
    assert [s.reason for s in send(delivered)["BE-DESK"]] == ["NOTHING"]
    assert len(delivered) == 1

    answer = opened(delivered)
    assert answer.reports == 1
    forged = msgspec.structs.replace(answer, token="x" * 43)
    with pytest.raises(Refusal, match="WRONG_TOKEN"):
        acknowledge(actor=SYSTEM, answer=forged, now=NOW)
    with pytest.raises(Refusal, match="NOT_FOUND"):
        acknowledge(actor=SYSTEM, answer=msgspec.structs.replace(answer, package=uuid4()), now=NOW)
    assert states(abroad) == [("BE", "SENT")]
    assert acknowledge(actor=SYSTEM, answer=answer, now=NOW) == 1
    assert acknowledge(actor=SYSTEM, answer=answer, now=NOW) == 0
    assert states(abroad) == [("BE", "ACKNOWLEDGED")]
    [shown] = queries.list_packages(actor=SYSTEM)
    assert (shown.instruction_id, shown.acknowledged_at) == (instructed, NOW)
    history = ledger.entries_of(actor=SYSTEM, object_id=abroad)
    transfer = next(entry for entry in history if entry.action == "report.transfer")
    assert transfer.detail["instruction"] == str(instructed)
    assert "transfer.acknowledge" in {entry.action for entry in history}


def test_no_text_of_a_package_names_who_reported(instructed: UUID) -> None:
    told = (
        "I am Honorine Delaplanque (h.delaplanque@mail.example, 06 39 98 55 44). Call the Martins."
    )
    reporter = {
        "role": "REPORTER",
        "name": "Honorine Delaplanque",
        "emails": ["H.Delaplanque@mail.example"],
        "phones": ["+33639985544"],
    }
    persons = [*suspect("BE")["persons"], reporter]  # type: ignore[misc]
    talk = [{"speaker": "A", "text": "write to h.delaplanque@mail.example"}, {"speaker": "B"}]
    report_id = receive("d-9", persons=persons, description=told, conversation=talk)
    delivered: Deliveries = {}
    assert [s.reports for s in send(delivered)["BE-DESK"]] == [1]
    [sealed] = delivered.values()
    [line] = packing.unseal(sealed, identity=str(IDENTITY))[1].splitlines()
    read = read_report(line)
    assert read.description == "I am […] ([…], […]). Call the Martins."
    assert [message.text for message in read.conversation] == ["write to […]", None]
    assert b"elaplanque" not in line
    stays = harmonised.get_records(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert stays.description == told


def test_a_text_that_nobody_can_check_stays_and_keeps_no_other_back(
    instructed: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = {"role": "REPORTER", "name": "Honorine Delaplanque"}
    persons = [*suspect("BE")["persons"], reporter]  # type: ignore[misc]
    damaged = receive("d-10", persons=persons, description="Honorine Delaplanque writes.")
    receive("d-11", persons=persons, description="Words of another report.")

    def opened_but_one(*, report_ids: Sequence[UUID], **more: object) -> object:
        if damaged in report_ids:
            raise BlobDamaged
        return open_submissions(report_ids=report_ids, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("fanal.harmonise.operations.identity.open_submissions", opened_but_one)
    delivered: Deliveries = {}
    assert [s.reports for s in send(delivered)["BE-DESK"]] == [2]
    [sealed] = delivered.values()
    lines = packing.unseal(sealed, identity=str(IDENTITY))[1].splitlines()
    assert {read_report(line).description for line in lines} == {None, "Words of another report."}


def opened(delivered: Deliveries) -> packing.PackageAcknowledgement:
    """What the desk answers that opens the only package delivered."""
    [sealed] = delivered.values()
    manifest, _body = packing.unseal(sealed, identity=str(IDENTITY))
    return packing.PackageAcknowledgement(
        package=manifest.package, opened_at=NOW, reports=manifest.reports, token=manifest.token
    )


def case_state(report_id: UUID) -> str:
    case = get_case(actor=SYSTEM, report_id=report_id)
    assert case is not None
    return case.state


def test_what_another_desk_took_no_longer_waits_here_and_can_come_back(instructed: UUID) -> None:
    theirs = receive("h-1", **suspect("BE", "one"))
    ours_too = receive("h-2", place={"country": "FR"}, **suspect("BE", "two"))
    elsewhere_too = receive("h-3", place={"country": "ES"}, **suspect("BE", "three"))
    urgent = receive("h-4", emergency=True, **suspect("BE", "four"))
    held = receive("h-5", **suspect("BE", "five"))
    supervisor = person("sup", Role.SUPERVISOR)
    claim_case(actor=supervisor, report_id=held, now=NOW)
    delivered: Deliveries = {}
    send(delivered)
    reports = [theirs, ours_too, elsewhere_too, urgent, held]
    waiting = ["TO_ASSESS"] * 4 + ["CLAIMED"]
    assert [case_state(one) for one in reports] == waiting  # sent is not taken
    acknowledge(actor=SYSTEM, answer=opened(delivered), now=NOW)
    assert [case_state(one) for one in reports] == ["HANDED_OVER", *waiting[1:]]

    counts = count_views(actor=SYSTEM, now=NOW).views
    assert (counts[QueueView.OPEN], counts[QueueView.HANDED_OVER]) == (4, 1)
    page = list_queue(actor=SYSTEM, view=QueueView.HANDED_OVER, filters=QueueFilter(), now=NOW)
    assert [case.report_id for case in page.cases] == [theirs]
    history = [entry.action for entry in ledger.entries_of(actor=SYSTEM, object_id=theirs)]
    assert {"transfer.acknowledge", "case.hand_over"} <= set(history)

    reopen_case(actor=supervisor, report_id=theirs, now=NOW)
    assert case_state(theirs) == "TO_ASSESS"
    acknowledge(actor=SYSTEM, answer=opened(delivered), now=NOW)  # told again
    assert case_state(theirs) == "TO_ASSESS"
    retract_report(actor=PARTNER, report_id=theirs, now=NOW)
    assert withdraw_case(actor=SYSTEM, report_id=theirs, now=NOW)


@pytest.mark.parametrize("places", [{"place": Place(country="FR")}, {"persons": ()}])
def test_what_turns_out_to_be_ours_stays_whatever_the_others_take(
    instructed: UUID, places: dict[str, object]
) -> None:
    report_id = receive("h-7", **suspect("BE"))
    delivered: Deliveries = {}
    send(delivered)
    [record] = harmonised.get_records(actor=SYSTEM, report_ids=[report_id]).values()
    again = msgspec.structs.replace(record, **places)
    assert plan_batch(actor=SYSTEM, reports=[again], now=clock.now()) == 0
    acknowledge(actor=SYSTEM, answer=opened(delivered), now=clock.now())
    assert (states(report_id), case_state(report_id)) == ([("BE", "ACKNOWLEDGED")], "TO_ASSESS")


def test_a_fold_whose_head_was_taken_hides_nothing(instructed: UUID) -> None:
    sighting = {"occurred_at": "2026-11-20T10:00:00Z"} | suspect("BE")
    head = receive("f-1", **sighting)
    delivered: Deliveries = {}
    send(delivered)
    later = receive("f-2", at=NOW + timedelta(seconds=1), **sighting)  # not in the package
    assert (case_state(head), case_state(later)) == ("TO_ASSESS", "FOLDED")
    acknowledge(actor=SYSTEM, answer=opened(delivered), now=NOW)
    assert (case_state(head), case_state(later)) == ("HANDED_OVER", "TO_ASSESS")


def test_what_was_taken_may_be_retracted_by_its_sender(instructed: UUID) -> None:
    report_id = receive("h-6", **suspect("BE"))
    delivered: Deliveries = {}
    send(delivered)
    acknowledge(actor=SYSTEM, answer=opened(delivered), now=NOW)
    retract_report(actor=PARTNER, report_id=report_id, now=NOW)
    assert withdraw_case(actor=PARTNER, report_id=report_id, now=NOW)
    assert case_state(report_id) == "WITHDRAWN"


def test_what_waits_is_listed_with_its_rule_and_a_package_with_its_reports(instructed) -> None:
    first, second = receive("l-1", **suspect("BE")), receive("l-2", **suspect("ES"))
    [belgium, spain] = queries.list_waiting(actor=SYSTEM)
    assert (belgium.country, belgium.reports, spain.country) == ("BE", 1, "ES")
    assert belgium.reasons == ((("SUSPECT_COUNTRY",), shipped_routing().version, 1),)
    [item] = queries.list_planned(actor=SYSTEM, place=("ES", ""))
    assert (item.report_id, item.because, item.ours) == (second, ("SUSPECT_COUNTRY",), False)
    assert queries.list_planned(actor=SYSTEM, place=("ES", ""), after=second) == []
    [sent] = send({})["BE-DESK"]
    assert sent.package is not None
    assert queries.reports_in(actor=SYSTEM, package_id=sent.package) == [first]
    package = queries.get_package(actor=SYSTEM, package_id=sent.package)
    assert package is not None
    assert (package.recipient, package.instruction_id) == ("BE-DESK", instructed)
    assert queries.get_package(actor=SYSTEM, package_id=uuid4()) is None
    [transfer] = queries.items_of(actor=SYSTEM, report_ids=[first])[first]
    assert (transfer.recipient, transfer.package_id) == ("BE-DESK", sent.package)


def test_what_cannot_be_delivered_does_not_count_as_sent(instructed: UUID) -> None:
    report_id = receive("d-6", **suspect("BE"))

    def full(_code: str, _package: UUID, _sealed: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        sending.send(actor=SYSTEM, sender="d", deliver=full, clock=clock.now)
    assert states(report_id) == [("BE", "PLANNED")]
    assert queries.list_packages(actor=SYSTEM) == []
    assert send({})["BE-DESK"][0].reports == 1


@pytest.mark.parametrize("end", ["revoked", "closed"])
def test_what_ends_between_two_packages_lets_nothing_more_leave(
    instructed: UUID, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_REPORTS", 1)
    supervisor = person("third", Role.SUPERVISOR)
    reports = sorted(receive(f"d-6-{n}", **suspect("BE", f"s{n}")) for n in range(3))
    delivered: list[UUID] = []

    def deliver(_code: str, package: UUID, _sealed: bytes) -> None:
        delivered.append(package)
        if len(delivered) == 2 and end == "revoked":
            accounts.revoke_instruction(
                actor=supervisor,
                instruction_id=instructed,
                reason="A key was lost.",
                now=clock.now(),
            )
        elif len(delivered) == 2:
            recipients.close_recipient(actor=SYSTEM, code="BE-DESK", now=clock.now())

    sent = sending.send(actor=SYSTEM, sender="d", deliver=deliver, clock=clock.now)
    assert [s.package for s in sent if s.package] == delivered
    assert [s.reason for s in sent[2:]] == (["NO_INSTRUCTION"] if end == "revoked" else [])
    assert [states(i) for i in reports] == [[("BE", "SENT")], [("BE", "SENT")], [("BE", "PLANNED")]]


def test_a_package_holds_no_more_than_a_recipient_opens(
    instructed: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = sorted(
        receive(f"d-7-{n}", description=f"{n} " * 3_000, **suspect("BE", f"s{n}")) for n in range(5)
    )
    monkeypatch.setattr(packing, "_ROOM", 2_000)
    monkeypatch.setattr(packing, "MAXIMUM_BYTES", 16_000)
    delivered: Deliveries = {}
    assert [sent.reports for sent in send(delivered)["BE-DESK"]] == [2, 2, 1]
    bodies = [packing.unseal(sealed, identity=str(IDENTITY))[1] for sealed in delivered.values()]
    assert sum(body.count(b"\n") for body in bodies) == 5
    assert [states(i) for i in reports] == [[("BE", "SENT")]] * 5
    monkeypatch.setattr(packing, "MAXIMUM_BYTES", 3_000)
    assert len(packing.fitting({UUID(int=1): bytes(9_000), UUID(int=2): b"x"})) == 1


def test_what_was_retracted_meanwhile_stays(instructed: UUID) -> None:
    report_id = receive("d-7", **suspect("BE"))
    retract_report(actor=PARTNER, report_id=report_id, now=NOW)
    delivered: Deliveries = {}
    assert [s.reason for s in send(delivered)["BE-DESK"]] == ["DROPPED"]
    assert (delivered, states(report_id)) == ({}, [("BE", "DROPPED")])


def test_a_region_gets_what_is_planned_after_it_is_registered() -> None:
    victim = {"persons": [{"role": "VICTIM", "country": "FR", "postcode": "59000"}]}
    before = receive("d-8", **victim)
    recipients.add_recipient(
        actor=SYSTEM, code="FR-HDF", name="North", place=("FR", "HDF"),
        key=str(IDENTITY.to_public()), now=NOW,
    )  # fmt: skip
    after = receive("d-9", **victim)
    assert (states(before), states(after)) == ([], [("FR", "PLANNED")])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code": "be"}, "CODE"),
        ({"name": " "}, "NAME"),
        ({"place": ("Belgium", "")}, "COUNTRY"),
        ({"place": ("GP", "")}, "COUNTRY"),
        ({"place": ("FR", "")}, "REGION"),
        ({"place": ("FR", "ZZZ")}, "REGION"),
        ({"place": ("BE", "HDF")}, "REGION"),
        ({"key": "age1none"}, "KEY"),
        ({"code": "BE-DESK", "place": ("DE", "")}, "TAKEN"),
        ({"place": ("BE", "")}, "TAKEN"),
    ],
)
def test_recipients_are_checked(registered: None, change: dict[str, object], code: str) -> None:
    asked = {"code": "X-DESK", "name": "X", "place": ("DE", ""), "key": str(IDENTITY.to_public())}
    with pytest.raises(Refusal, match=f"^{code}$"):
        recipients.add_recipient(actor=SYSTEM, now=NOW, **(asked | change))  # type: ignore[arg-type]
    assert [r.code for r in queries.list_recipients(actor=SYSTEM)] == ["BE-DESK"]


def test_every_package_is_listed_with_what_it_waits_for(
    instructed: UUID, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered: Deliveries = {}
    for number in range(3):
        receive(f"d-p{number}", **suspect("BE", f"p{number}"))
        send(delivered)
    answers = [packing.unseal(sealed, identity=str(IDENTITY))[0] for sealed in delivered.values()]
    acknowledge(
        actor=SYSTEM,
        answer=packing.PackageAcknowledgement(
            package=answers[0].package, opened_at=NOW, reports=1, token=answers[0].token
        ),
        now=NOW,
    )
    monkeypatch.setattr(queries, "list_packages", partial(queries.list_packages, limit=2))

    def listed(now: datetime) -> list[tuple[str, str]]:
        monkeypatch.setattr(clock, "now", lambda: now)
        command.packages.callback.__wrapped__(as_json=True)  # type: ignore[union-attr]
        lines = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
        return [(line["id"], line["state"]) for line in lines]

    ids = [str(answer.package) for answer in reversed(answers)]
    waiting = list(zip(ids, ("SENT", "SENT", "ACKNOWLEDGED"), strict=True))
    assert listed(NOW) == waiting
    late = list(zip(ids, ("OVERDUE", "OVERDUE", "ACKNOWLEDGED"), strict=True))
    assert listed(NOW + timedelta(days=60)) == late


def test_a_closed_desk_gets_nothing_and_its_place_is_free(instructed: UUID) -> None:
    receive("d-10", **suspect("BE"))
    recipients.close_recipient(actor=SYSTEM, code="BE-DESK", now=NOW)
    assert send({}) == {}
    with pytest.raises(Refusal, match="NOT_FOUND"):
        recipients.close_recipient(actor=SYSTEM, code="BE-DESK", now=NOW)
    recipients.add_recipient(
        actor=SYSTEM, code="BE-NEW", name="New", place=("BE", ""),
        key=str(IDENTITY.to_public()), now=NOW,
    )  # fmt: skip


def test_an_analyst_sends_nothing_and_sees_where_it_went(registered: None) -> None:
    actor = person("ana", Role.ANALYST)
    assert len(queries.list_recipients(actor=actor)) == 1
    for call in (
        lambda: recipients.close_recipient(actor=actor, code="BE-DESK", now=NOW),
        lambda: sending.send(actor=actor, sender="d", deliver=lambda *_: None, clock=clock.now),
    ):
        with pytest.raises(Refused):
            call()
