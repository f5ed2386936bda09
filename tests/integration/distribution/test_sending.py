"""From a report that names another country to that desk's acknowledgement, on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pyrage
import pytest

from fanal.accounts import operations as accounts, queries as people
from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.domain.policy import Refused
from fanal.distribution import operations, queries
from fanal.distribution.domain.package import Acknowledgement, unseal
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.intake import operations as intake
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.ledger import queries as ledger
from fanal.worker.stages import StageLoop
from tests.integration.accounts.people import make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
SYSTEM = system_actor("test")
NOW = datetime.now(UTC).replace(microsecond=0)
IDENTITY = pyrage.x25519.Identity.generate()
SENDER = uuid4()
Deliveries = dict[tuple[str, UUID], bytes]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


def receive(reference: str, *, test: bool = False, **fields: object) -> UUID:
    body = msgspec.json.encode({"reference": reference, "kind": "GROOMING"} | fields)
    [answer] = intake.receive_reports(
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
        now=NOW,
    )
    assert answer.report_id is not None
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass
    return answer.report_id


def suspect(country: str) -> dict[str, object]:
    return {"persons": [{"role": "SUSPECT", "country": country, "emails": ["s@mail.example"]}]}


@pytest.fixture
def registered() -> None:
    operations.add_recipient(
        actor=SYSTEM,
        code="BE-DESK",
        name="Desk of Belgium",
        place=("BE", ""),
        key=str(IDENTITY.to_public()),
        now=NOW,
    )


@pytest.fixture
def instructed(registered: None) -> UUID:
    one, other = person("one", Role.SUPERVISOR), person("other", Role.SUPERVISOR)
    made = accounts.propose_instruction(
        actor=one,
        instruction=NewInstruction(
            kind=InstructionKind.DISTRIBUTION,
            grounds="Reports whose suspect lives in Belgium.",
            basis="CPP 695-9-31",
            names=("BE-DESK",),
            valid_from=NOW - timedelta(days=1),
            expires_at=NOW + timedelta(days=30),
        ),
        now=NOW,
    )
    accounts.second_instruction(actor=other, instruction_id=made, now=NOW)
    return made


def person(login: str, role: Role) -> Actor:
    user = make_user(login, role, at=NOW - timedelta(days=1))
    return people.actor_for(user=user, now=NOW)


def send(delivered: Deliveries) -> dict[str, list[operations.Sent]]:
    def deliver(code: str, package: UUID, sealed: bytes) -> None:
        delivered[code, package] = sealed

    found: dict[str, list[operations.Sent]] = {}
    for sent in operations.send(
        actor=SYSTEM, sender="desk@desk.example", deliver=deliver, now=clock.now()
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
    manifest, body = unseal(sealed, identity=str(IDENTITY))
    [line] = body.splitlines()
    read = read_report(line)  # the other desk's import takes it
    assert [person.emails for person in read.persons] == [("s@mail.example",)]
    assert manifest.instruction == instructed
    assert (states(abroad), states(ours), states(tried)) == ([("BE", "SENT")], [], [])
    assert queries.planned(actor=SYSTEM) == {("ES", ""): 1}
    assert states(nobodys) == [("ES", "PLANNED")]
    assert [s.reason for s in send(delivered)["BE-DESK"]] == ["NOTHING"]
    assert len(delivered) == 1

    answer = Acknowledgement(
        package=manifest.package, opened_at=NOW, reports=1, token=manifest.token
    )
    forged = msgspec.structs.replace(answer, token="x" * 43)
    with pytest.raises(operations.AcknowledgementRefused, match="WRONG_TOKEN"):
        operations.acknowledge(actor=SYSTEM, answer=forged, now=NOW)
    unknown = msgspec.structs.replace(answer, package=uuid4())
    with pytest.raises(operations.AcknowledgementRefused, match="NOT_FOUND"):
        operations.acknowledge(actor=SYSTEM, answer=unknown, now=NOW)
    assert states(abroad) == [("BE", "SENT")]
    assert operations.acknowledge(actor=SYSTEM, answer=answer, now=NOW) == 1
    assert operations.acknowledge(actor=SYSTEM, answer=answer, now=NOW) == 0
    assert states(abroad) == [("BE", "ACKNOWLEDGED")]
    [shown] = queries.list_packages(actor=SYSTEM)
    assert (shown.instruction_id, shown.acknowledged_at) == (instructed, NOW)
    history = ledger.entries_of(actor=SYSTEM, object_id=abroad)
    transfer = next(entry for entry in history if entry.action == "report.transfer")
    assert transfer.detail["instruction"] == str(instructed)
    assert "transfer.acknowledge" in {entry.action for entry in history}


def test_what_cannot_be_delivered_does_not_count_as_sent(instructed: UUID) -> None:
    report_id = receive("d-6", **suspect("BE"))

    def full(_code: str, _package: UUID, _sealed: bytes) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        operations.send(actor=SYSTEM, sender="d", deliver=full, now=clock.now())
    assert states(report_id) == [("BE", "PLANNED")]
    assert queries.list_packages(actor=SYSTEM) == []
    assert send({})["BE-DESK"][0].reports == 1


def test_what_was_retracted_meanwhile_stays(instructed: UUID) -> None:
    report_id = receive("d-7", **suspect("BE"))
    partner = Actor(person_id=SENDER, roles=frozenset({Role.PARTNER}), partner_id=SENDER)
    intake.retract_report(actor=partner, report_id=report_id, now=NOW)
    delivered: Deliveries = {}
    assert [s.reason for s in send(delivered)["BE-DESK"]] == ["DROPPED"]
    assert (delivered, states(report_id)) == ({}, [("BE", "DROPPED")])


def test_a_region_gets_what_is_planned_after_it_is_registered() -> None:
    victim = {"persons": [{"role": "VICTIM", "country": "FR", "postcode": "59000"}]}
    before = receive("d-8", **victim)
    operations.add_recipient(
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
    with pytest.raises(operations.RecipientRefused, match=f"^{code}$"):
        operations.add_recipient(actor=SYSTEM, now=NOW, **(asked | change))  # type: ignore[arg-type]
    assert [r.code for r in queries.list_recipients(actor=SYSTEM)] == ["BE-DESK"]


def test_a_closed_desk_gets_nothing_and_its_place_is_free(instructed: UUID) -> None:
    receive("d-10", **suspect("BE"))
    operations.close_recipient(actor=SYSTEM, code="BE-DESK", now=NOW)
    assert send({}) == {}
    with pytest.raises(operations.RecipientRefused, match="NOT_FOUND"):
        operations.close_recipient(actor=SYSTEM, code="BE-DESK", now=NOW)
    operations.add_recipient(
        actor=SYSTEM, code="BE-NEW", name="New", place=("BE", ""),
        key=str(IDENTITY.to_public()), now=NOW,
    )  # fmt: skip


def test_an_analyst_sends_nothing_and_sees_where_it_went(registered: None) -> None:
    actor = person("ana", Role.ANALYST)
    assert len(queries.list_recipients(actor=actor)) == 1
    for call in (
        lambda: operations.close_recipient(actor=actor, code="BE-DESK", now=NOW),
        lambda: operations.send(actor=actor, sender="d", deliver=lambda *_: None, now=NOW),
    ):
        with pytest.raises(Refused):
            call()
