"""Raw SQL as the desk's program: no ruling without its bytes, none that annuls and lifts nothing, no moved instant."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import given, settings, strategies as st

from fanal import reference
from fanal.measures.domain.clocks import term_end
from fanal.measures.removal.kind import REMOVAL
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.sealing import seal_batch
from tests.integration.measures import blockings
from tests.integration.measures.appeals import RULING, file_of, filed, take, view
from tests.integration.measures.blockings import ago, listed, received
from tests.integration.measures.raw import CHECK, PRIVILEGE, RESTRICT, sqlstate
from tests.integration.measures.stories import ANALYST, OFFICER

STEP = (
    "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, happened_at, recorded_at,"
    " addressee, revision, proof, reason, outcome, proof_object, proof_digest, proof_size, proof_name)"
    " SELECT gen_random_uuid(), id, %s, state, %s, %s, %s, %s, addressee, revision, 'registry', %s, %s, %s,"
    " %s, %s, %s FROM casework_act WHERE id = %s"
)


def sealed(act_id: UUID) -> tuple[UUID, str, int, str]:
    """A ruling in the vault, as a step names it."""
    item = Sealable(id=uuid4(), owner_id=act_id, kind="proof", plaintext=RULING.content)
    (found,) = seal_batch(items=[item], now=datetime.now(UTC))
    return found.id, found.sha256, found.size, "ruling.pdf"


def step(
    act_id: UUID,
    transition: str,
    target: str,
    *,
    at: datetime | None = None,
    by: UUID = OFFICER.person_id,
    outcome: str = "",
    reason: str = "",
    file: tuple[UUID, str, int, str] | None = None,
) -> str:
    """Take a step past every operation; return why it is refused, empty where it is not."""
    now = datetime.now(UTC)
    named = file or (None, "", None, "")
    return sqlstate(STEP, [transition, target, by, at or now, now, reason, outcome, *named, act_id])


def test_a_ruling_without_its_bytes_is_refused() -> None:
    act_id = filed(listed(5), ago(3))
    assert step(act_id, "rule", "RULED", outcome="REJECTED") == CHECK
    other = sealed(filed(listed(5, host="other.example"), ago(3)))
    assert step(act_id, "rule", "RULED", outcome="REJECTED", file=other) == CHECK
    object_id, digest, size, name = sealed(act_id)
    wrong = (object_id, hashlib.sha256(b"another").hexdigest(), size, name)
    assert step(act_id, "rule", "RULED", outcome="REJECTED", file=wrong) == CHECK
    assert step(act_id, "rule", "RULED", file=(object_id, digest, size, name)) == CHECK
    file = (object_id, digest, size, name)
    assert step(act_id, "rule", "RULED", outcome="REJECTED", file=file) == ""


def test_a_ruling_that_annuls_and_lifts_nothing_is_refused() -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(3))
    file = sealed(act_id)
    assert step(act_id, "rule", "RULED", outcome="ANNULLED", file=file) == CHECK
    blockings.take(blocking_id, "lift", ago(0), outcome="ANNULLED")
    assert step(act_id, "rule", "RULED", outcome="ANNULLED", file=file) == ""


def test_a_ruling_that_annuls_a_removal_lifts_the_blocking_that_rests_on_it() -> None:
    removal_id = received(ago(5))
    blocking_id = blockings.approved(blockings.drafted(removal_id, ago(3)), ago(3))
    blockings.take(blocking_id, "list", ago(3))
    act_id = filed(removal_id, ago(2), contested=REMOVAL)
    file = sealed(act_id)
    with transaction.atomic():
        annulled = sqlstate(
            "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, happened_at,"
            " recorded_at, addressee, revision, proof) SELECT gen_random_uuid(), id, 'annul', state,"
            " 'ANNULLED', %s, now(), now(), addressee, revision, 'ruling' FROM casework_act WHERE id = %s",
            [OFFICER.person_id, removal_id],
        )
        assert annulled == ""
        assert step(act_id, "rule", "RULED", outcome="ANNULLED", file=file) == CHECK
        blockings.take(blocking_id, "lift", ago(0), outcome="ANNULLED")
        assert step(act_id, "rule", "RULED", outcome="ANNULLED", file=file) == ""


def test_an_annulled_name_is_not_listed_again() -> None:
    blocking_id = listed(40)
    removal_id = blockings.view(blocking_id).removal_id
    act_id = filed(blocking_id, ago(39))
    take(act_id, "rule", ago(38), outcome="ANNULLED", file=RULING)
    again = blockings.approved(blockings.drafted(removal_id, ago(37)), ago(37))
    assert step(again, "list", "LISTED") == CHECK


def test_a_ruling_is_final_after_ten_days() -> None:
    act_id = filed(listed(40), ago(39))
    take(act_id, "rule", ago(12), outcome="REJECTED", file=RULING)
    ends = term_end("CAA_10D", catalogue=reference.load(), since=ago(12))
    assert step(act_id, "close", "CLOSED", at=ends - timedelta(seconds=1)) == CHECK
    assert step(act_id, "close", "CLOSED", at=ends) == ""


def test_no_filing_precedes_the_sending_and_nothing_is_struck_without_a_reason() -> None:
    act_id = filed(listed(5), ago(3))
    assert step(act_id, "strike", "STRUCK", reason=" ") == CHECK
    assert step(act_id, "strike", "STRUCK", reason="typed twice", by=ANALYST.person_id) == CHECK
    assert step(act_id, "strike", "STRUCK", reason="typed twice") == ""
    assert step(act_id, "rule", "RULED", outcome="REJECTED", file=sealed(act_id)) == CHECK


@pytest.mark.parametrize(
    "changed",
    [
        {"contested_id": str(uuid4())},
        {"contested_kind": "measure"},
        {"filer": "AUTHORITY"},
        {"filer": None},
        {"revision": 2},
        {"act_id": str(uuid4())},
        {"known_at": "yesterday evening"},
    ],
)
def test_the_bytes_name_a_measure_that_was_sent(changed: dict[str, object]) -> None:
    act_id = filed(listed(5), ago(3))
    document = json.loads(file_of(act_id).content or b"")
    made = uuid4()
    document["appeal"] |= {"act_id": str(made), **changed}
    columns = "desk_id, subject_id, report_ids, addressee, basis, level, author_id"
    with transaction.atomic():
        made_act = sqlstate(
            f"INSERT INTO casework_act (id, kind, state, created_at, {columns}) SELECT %s, 'appeal',"
            f" 'NOTED', now(), {columns} FROM casework_act WHERE id = %s",
            [made, act_id],
        )
        assert made_act == ""
        refused = sqlstate(
            "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
            " VALUES (%s, 1, %s, %s, now())",
            [made, json.dumps(document).encode(), OFFICER.person_id],
        )
        transaction.set_rollback(True)
    assert refused == CHECK


def test_no_instant_or_ruling_moves_and_no_row_goes() -> None:
    act_id = filed(listed(5), ago(3))
    for statement in (
        "UPDATE measures_appeal SET filed_at = now() WHERE act_id = %s",
        "UPDATE measures_appeal SET ruling = 'REJECTED' WHERE act_id = %s",
        "DELETE FROM measures_appeal WHERE act_id = %s",
        "INSERT INTO measures_appeal (act_id, contested_id, filer) VALUES (%s, %s, 'EDITOR')",
    ):
        values = [act_id] * statement.count("%s")
        assert sqlstate(statement, values) in {PRIVILEGE, RESTRICT}
    assert view(act_id).ruling is None


@settings(max_examples=300, deadline=None)
@given(
    at=st.datetimes(
        datetime(2025, 7, 1), datetime(2045, 1, 1), timezones=st.just(UTC), allow_imaginary=False
    )
)
def test_the_ten_days_are_the_same_in_the_database(at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT measures_appeal_until(%s)", [at])
        [ends] = cursor.fetchone()
    assert ends == term_end("CAA_10D", catalogue=reference.load(), since=at)
