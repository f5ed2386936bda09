"""Operators' files to scored payers: through intake and every stage, on a real PostgreSQL."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from fanal.analyse import operations, queries
from fanal.analyse.payments.domain.scoring import PayerFilter, PayerLine
from fanal.analyse.payments.queries import count_payers, get_payer, list_payers
from fanal.formats.transfer import PayerPart
from fanal.formats.transfers import cut_parts
from fanal.harmonise.operations.identity import erase
from fanal.intake.domain.records import Arrival, Format, KeyKind, Outcome, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.worker.stages import StageLoop
from tests.actors import desk_actor

NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEM = system_actor("test")
SENDER = uuid4()
HEADER = (
    "Transaction Number,Sent At,Send Amount,Send Currency,Message,Operator,Sender Name,"
    "Sender Customer Number,Sender Country,Receiver Name,Receiver Customer Number,Receiver Country\n"
)
EVERYBODY = PayerFilter()

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> Iterator[None]:
    return


def rows(payer: str, *, first: int, count: int = 5, to: str = "R-31") -> str:
    start = datetime(2026, 9, 1, 21, 30, tzinfo=UTC)
    return "".join(
        f"T-{first + n},{start + timedelta(days=3 * n):%Y-%m-%dT%H:%M:%SZ},{20 + 10 * n}.00,EUR,gift,"
        f"Transfers Example,Name of {payer},{payer},FR,Dana Halimbawa,{to},PH\n"
        for n in range(count)
    )


def bring_in(text: str, *, desk_id: int = 1) -> list[Outcome]:
    body = (HEADER + text).encode()
    parts = [p for p in cut_parts(io.BytesIO(body)) if isinstance(p, PayerPart)]
    submissions = [
        Submission(
            arrival=Arrival.IMPORT,
            format=Format.TRANSFERS,
            body=part.body,
            canonical=part.body,
            keys=((KeyKind.REFERENCE, part.reference),),
            sender_id=SENDER,
            desk_id=desk_id,
            reference=part.reference,
        )
        for part in parts
    ]
    answers = receive_reports(actor=SYSTEM, submissions=submissions, now=NOW)
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass
    return [answer.outcome for answer in answers]


def payers(**filters: object) -> dict[str, PayerLine]:
    found = list_payers(actor=SYSTEM, filters=PayerFilter(**filters))  # type: ignore[arg-type]
    return {_name(line): line for line in found}


def _name(line: PayerLine) -> str:
    payer = get_payer(actor=SYSTEM, payer=line.payer, now=NOW)
    assert payer is not None
    return payer.score.sender.shown


def test_a_file_becomes_payers_with_their_scores() -> None:
    assert bring_in(rows("C-1", first=1) + rows("C-2", first=100, count=1)) == [Outcome.CREATED] * 2
    found = payers()
    assert set(found) == {"Name of C-1", "Name of C-2"}
    one = found["Name of C-1"]
    assert (one.transfers, one.beneficiaries, one.countries) == (5, 1, ("PH",))
    assert "PAYMENT_ESCALATION" in one.codes
    assert found["Name of C-2"].score == 0
    assert (
        bring_in(rows("C-1", first=1) + rows("C-2", first=100, count=1)) == [Outcome.REPEATED] * 2
    )
    assert payers() == found


def test_a_later_file_of_others_raises_earlier_payers_of_one_beneficiary() -> None:
    bring_in(rows("C-1", first=1))
    alone = payers()["Name of C-1"]
    assert "PAYMENT_COMMON_BENEFICIARY" not in alone.codes
    bring_in(rows("C-2", first=100) + rows("C-3", first=200))
    together = payers()
    assert "PAYMENT_COMMON_BENEFICIARY" in together["Name of C-1"].codes
    assert together["Name of C-1"].score > alone.score
    assert all(line.suspected for line in together.values())
    assert payers(suspected=True, code="PAYMENT_COMMON_BENEFICIARY", country="PH") == together
    assert payers(country="FR") == {}
    assert count_payers(actor=SYSTEM, filters=EVERYBODY) == 3


def test_files_of_one_payer_add_up_and_overlaps_count_once() -> None:
    bring_in(rows("C-1", first=1, count=3))
    bring_in(rows("C-1", first=1, count=6))
    line = payers()["Name of C-1"]
    assert line.transfers == 6
    payer = get_payer(actor=SYSTEM, payer=line.payer, now=NOW)
    assert payer is not None
    assert len(payer.report_ids) == 2
    assert set(payer.reports) == {paid.id for paid in payer.score.transfers}


def test_a_desk_sees_its_own_payers_alone() -> None:
    bring_in(rows("C-1", first=1))
    bring_in(rows("C-1", first=1) + rows("C-9", first=300), desk_id=2)
    analyst = desk_actor(person_id=uuid4(), roles={Role.ANALYST}, desks={1}, motive="test")
    mine = list_payers(actor=analyst, filters=EVERYBODY)
    assert [(line.desk_id, line.transfers) for line in mine] == [(1, 5)]
    payer = get_payer(actor=analyst, payer=mine[0].payer, now=NOW)
    assert payer is not None
    assert payer.desk_id == 1
    (other,) = {line.payer for line in list_payers(actor=SYSTEM, filters=EVERYBODY)} - {
        mine[0].payer
    }
    assert get_payer(actor=analyst, payer=other, now=NOW) is None


def test_findings_of_a_report_know_what_stands_beside_it() -> None:
    bring_in(rows("C-2", first=100) + rows("C-3", first=200))
    bring_in(rows("C-1", first=1, count=2))
    line = payers()["Name of C-1"]
    (analysis,) = queries.get_analyses(actor=SYSTEM, report_ids=[line.report_id]).values()
    found = {f.code for f in analysis.findings}
    assert ("PAYMENT_PATTERN" in found) == line.suspected


def test_what_is_erased_leaves_no_payer() -> None:
    bring_in(rows("C-1", first=1))
    line = payers()["Name of C-1"]
    ids: list[UUID] = [line.report_id]
    operations.erase(actor=SYSTEM, report_ids=ids, now=NOW)
    erase(actor=SYSTEM, report_ids=ids)
    assert list_payers(actor=SYSTEM, filters=EVERYBODY) == []
    assert get_payer(actor=SYSTEM, payer=line.payer, now=NOW) is None


def test_an_analysis_again_changes_no_payer() -> None:
    from fanal.harmonise import queries as harmonised

    bring_in(rows("C-1", first=1))
    before = payers()
    (line,) = before.values()
    records = harmonised.get_records(actor=SYSTEM, report_ids=[line.report_id])
    operations.analyse_batch(actor=SYSTEM, reports=list(records.values()), now=line.scored_at)
    assert payers() == before
