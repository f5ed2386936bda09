"""Analyses, priorities, lists and rule sets on a real PostgreSQL."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest
from django.db import connection, transaction

from fanal.accounts.domain.policy import Refused
from fanal.analyse import operations, queries
from fanal.analyse.domain.records import KinFacts
from fanal.analyse.material.domain.lists import ListRefused
from fanal.analyse.material.operations.lists import add_addresses, load_list, withdraw_item
from fanal.analyse.material.queries.lists import list_lists
from fanal.analyse.priority import operations as rulesets
from fanal.analyse.priority.domain.rules import shipped_rules
from fanal.analyse.priority.queries import current_rules, get_ruleset, list_rulesets
from fanal.formats.report.records import File, Message, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport, HarmonisedUrl
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from tests.actors import desk_actor
from tests.known import known
from tests.refusals import KEPT, NO_RIGHT, database_refuses
from tests.server import WAITING_FOR_ME

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
NEWEST = shipped_rules()[-1]
RULES = (
    resources.files("fanal.analyse")
    .joinpath("data", "priority", "2026-11-24.toml")
    .read_text("utf-8")
)


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> Iterator[None]:
    return


def person(role: Role = Role.SUPERVISOR) -> Actor:
    """A person whom the database knows, in office at a desk."""
    return known(desk_actor(person_id=uuid.uuid4(), roles={role}, desks={1}, motive="test"))


def report(**fields: object) -> HarmonisedReport:
    base = {"report_id": new_id(NOW), "reference": "r", "kind": ReportKind.GROOMING}
    return HarmonisedReport(**{**base, **fields})  # type: ignore[arg-type]


def test_a_replay_adds_a_revision_and_keeps_the_first() -> None:
    subject = report(conversation=(Message(speaker="A", text="don't tell your mom"),))
    for later in (0, 1):
        operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW + timedelta(hours=later))
    history = queries.list_analyses(actor=SYSTEM, report_id=subject.report_id)
    assert [version.revision for version, _ in history] == [1, 2]
    assert history[0][1] == history[1][1]
    newest = queries.get_analyses(actor=SYSTEM, report_ids=[subject.report_id])
    finding = newest[subject.report_id].findings[0]
    assert finding.code == "GROOMING_SECRECY"
    assert finding.source == "conversation[0].text#0-19"
    assert finding.rule_version == newest[subject.report_id].rule_version != ""


def test_priority_reads_analysis_and_kin_and_keeps_its_history() -> None:
    danger, plain = report(emergency=True), report(kind=ReportKind.OTHER)
    operations.analyse_batch(actor=SYSTEM, reports=[danger, plain], now=NOW)
    kin = [KinFacts(report_id=plain.report_id, previously_reported_suspect=2)]
    first = operations.prioritise_batch(actor=SYSTEM, reports=[danger, plain], kin=kin, now=NOW)
    assert (first[0].floor, first[0].score) == ("DANGER_UNDISPUTED", 96)
    assert first[1].score == 16
    operations.prioritise_batch(actor=SYSTEM, reports=[plain], kin=[], now=NOW)
    history = queries.list_priorities(actor=SYSTEM, report_id=plain.report_id)
    assert [p.score for _, p in history] == [16, 0]
    read = queries.get_priorities(actor=SYSTEM, report_ids=[danger.report_id, plain.report_id])
    assert read[danger.report_id] == first[0]
    assert read[plain.report_id].score == 0


def test_refuses_to_prioritise_what_was_not_analysed() -> None:
    with pytest.raises(LookupError):
        operations.prioritise_batch(actor=SYSTEM, reports=[report()], kin=[], now=NOW)


def test_a_list_is_loaded_once_matched_and_withdrawn() -> None:
    pdq, sha1 = "f" * 64, "a" * 40
    lines = [
        "pdq,md5,sha1,sha256,classification",
        f"{pdq.upper()},,{sha1},,A1",
        f",{'b' * 32},,,B2",
    ]
    ids = load_list(actor=SYSTEM, name="alpha", lines=lines, now=NOW)
    assert load_list(actor=SYSTEM, name="alpha", lines=lines, now=NOW) == ids
    assert len(set(ids)) == 2
    near = "e" + "f" * 63
    subject = report(files=(File(pdq=near), File(sha1=sha1)))
    (got,) = operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    found = {(f.source, f.because.code, f.because.parameters["entry"]) for f in got.findings}
    assert found == {
        ("files[0].pdq", "LISTED_NEAR", str(ids[0])),
        ("files[1].sha1", "LISTED", str(ids[0])),
    }
    assert withdraw_item(actor=SYSTEM, name="alpha", item_id=ids[0], now=NOW)
    assert not withdraw_item(actor=SYSTEM, name="alpha", item_id=ids[0], now=NOW)
    (after,) = operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    assert after.findings == ()
    assert after.rule_version != got.rule_version


def test_known_addresses_match_by_the_nearest_part() -> None:
    url = HarmonisedUrl(
        reported="x",
        canonical="https://a.example.test/b",
        key="https://a.example.test/b",
        host="a.example.test",
        registrable_domain="example.test",
    )
    add_addresses(
        actor=SYSTEM,
        name="hosts",
        addresses=[("HOST", "a.example.test"), ("DOMAIN", "example.test")],
        now=NOW,
    )
    (got,) = operations.analyse_batch(actor=SYSTEM, reports=[report(urls=(url,))], now=NOW)
    assert [(f.code, f.value) for f in got.findings] == [("KNOWN_ADDRESS", "a.example.test")]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["pdq,surprise"],
        ["pdq", "zz"],
        ["md5", "a" * 31],
        ["pdq,md5", "f" * 64],
        ["classification", "A1"],
        ["pdq", "٣" * 64],
    ],
)
def test_refuses_a_malformed_list_whole(lines: list[str]) -> None:
    with pytest.raises(ListRefused):
        load_list(actor=SYSTEM, name="bad", lines=lines, now=NOW)
    assert list_lists() == []


def test_a_rule_set_needs_a_dry_run_and_a_second_person() -> None:
    author, second = person(), person()
    body = RULES.replace('version = "priority/2026-11-24"', 'version = "priority/test"').replace(
        'fact = "kind_grooming"\npoints = 20', 'fact = "kind_grooming"\npoints = 40'
    )
    subject = report()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    ruleset = rulesets.draft_ruleset(actor=author, body=body, now=NOW)
    with pytest.raises(Refusal, match="NOT_RUN_DRY"):
        rulesets.activate_ruleset(actor=second, ruleset_id=ruleset, now=NOW)
    rulesets.dry_run_ruleset(
        actor=author, ruleset_id=ruleset, report_ids=[subject.report_id], kin=[], now=NOW
    )
    with pytest.raises(Refusal, match="SAME_PERSON"):
        rulesets.activate_ruleset(actor=author, ruleset_id=ruleset, now=NOW)
    assert current_rules().version == NEWEST.version
    rulesets.activate_ruleset(actor=second, ruleset_id=ruleset, now=NOW)
    assert current_rules().version == "priority/test"
    (got,) = operations.prioritise_batch(actor=SYSTEM, reports=[subject], kin=[], now=NOW)
    assert (got.score, got.rule_version) == (40, "priority/test")


def test_the_newest_shipped_set_is_in_force_at_install_and_a_later_file_is_a_draft(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = datetime.combine(NEWEST.in_force_from, NOW.timetz())
    *older, first = rulesets.load_shipped(actor=SYSTEM, now=day)
    assert rulesets.load_shipped(actor=SYSTEM, now=day) == []
    states = dict.fromkeys(older, "DRAFT") | {first: "ACTIVE"}
    assert {s.id: s.state for s in list_rulesets()} == states
    assert current_rules().version == NEWEST.version
    stored = get_ruleset(ruleset_id=first)
    assert stored is not None
    assert stored.source == f"{NEWEST.version.partition('/')[2]}.toml"
    later = RULES.replace('version = "priority/2026-11-24"', 'version = "priority/later"')
    monkeypatch.setattr(
        "fanal.analyse.priority.operations.shipped_texts",
        lambda: [("later.toml", later)],
    )
    (second,) = rulesets.load_shipped(actor=SYSTEM, now=day)
    assert {s.id: s.state for s in list_rulesets()} == states | {second: "DRAFT"}
    assert current_rules().version == NEWEST.version
    with database_refuses(KEPT), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analyse_activation (ruleset_id, author_id, approver_id, activated_at)"
            " VALUES (%s, %s, %s, now())",
            [second, SYSTEM.person_id, SYSTEM.person_id],
        )
    proposer = person()
    rulesets.dry_run_ruleset(actor=proposer, ruleset_id=second, report_ids=[], kin=[], now=NOW)
    with pytest.raises(Refusal, match="SAME_PERSON"):
        rulesets.activate_ruleset(actor=proposer, ruleset_id=second, now=day)
    rulesets.activate_ruleset(actor=person(), ruleset_id=second, now=day)
    assert {s.id: s.state for s in list_rulesets()} == states | {
        first: "CLOSED",
        second: "ACTIVE",
    }


def test_a_day_before_the_newest_file_the_one_before_it_is_put_in_force() -> None:
    rulesets.load_shipped(actor=SYSTEM, now=NOW)
    assert current_rules().version == "priority/2026-11-24"


def test_a_set_waits_for_its_day_and_for_a_dry_run_against_the_rules_in_force() -> None:
    author, second = person(), person()

    def dry(version: str, day: str = "2026-11-24") -> uuid.UUID:
        body = RULES.replace("priority/2026-11-24", version).replace(
            "in_force_from = 2026-11-24", f"in_force_from = {day}"
        )
        ruleset_id = rulesets.draft_ruleset(actor=author, body=body, now=NOW)
        rulesets.dry_run_ruleset(
            actor=author, ruleset_id=ruleset_id, report_ids=[], kin=[], now=NOW
        )
        return ruleset_id

    future, one, other = dry("priority/future", "2027-01-01"), dry("priority/a"), dry("priority/b")
    with pytest.raises(Refusal, match="NOT_YET"):
        rulesets.activate_ruleset(actor=second, ruleset_id=future, now=NOW)
    rulesets.activate_ruleset(actor=second, ruleset_id=one, now=NOW)
    with pytest.raises(Refusal, match="STALE"):
        rulesets.activate_ruleset(actor=second, ruleset_id=other, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_of_two_sets_put_in_force_at_once_one_is_told_that_its_dry_run_is_stale() -> None:
    author, second = person(), person()
    one, other = (
        rulesets.draft_ruleset(
            actor=author, body=RULES.replace("priority/2026-11-24", version), now=NOW
        )
        for version in ("priority/a", "priority/b")
    )
    for each in (one, other):
        rulesets.dry_run_ruleset(actor=author, ruleset_id=each, report_ids=[], kin=[], now=NOW)

    def beside() -> None:
        try:
            rulesets.activate_ruleset(actor=second, ruleset_id=other, now=NOW)
        finally:
            connection.close()

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(WAITING_FOR_ME)
            return bool(cursor.fetchone()[0])

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            rulesets.activate_ruleset(actor=second, ruleset_id=one, now=NOW)
            told = pool.submit(beside)
            while not waits() and not told.done():
                time.sleep(0.01)
        with pytest.raises(Refusal, match="STALE"):
            told.result(timeout=30)
    states = {stored.id: stored.state for stored in list_rulesets()}
    assert (states[one], states[other]) == ("ACTIVE", "DRY_RUN")


def test_the_database_itself_keeps_the_text() -> None:
    body = RULES.replace('version = "priority/2026-11-24"', 'version = "priority/test"')
    ruleset = rulesets.draft_ruleset(actor=person(), body=body, now=NOW)
    for statement in (
        "UPDATE analyse_ruleset SET body = '' WHERE id = %s",
        "DELETE FROM analyse_ruleset WHERE id = %s",
    ):
        with database_refuses(NO_RIGHT), connection.cursor() as cursor:
            cursor.execute(statement, [ruleset])


def test_erasure_empties_findings_and_keeps_scores() -> None:
    subject = report(conversation=(Message(speaker="A", text="don't tell your mom"),))
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    operations.prioritise_batch(actor=SYSTEM, reports=[subject], kin=[], now=NOW)
    # Findings and parts are emptied; its text no longer waits.
    assert operations.erase(actor=SYSTEM, report_ids=[subject.report_id], now=NOW) == 3
    assert operations.erase(actor=SYSTEM, report_ids=[subject.report_id], now=NOW) == 0
    assert (
        queries.get_analyses(actor=SYSTEM, report_ids=[subject.report_id])[
            subject.report_id
        ].findings
        == ()
    )
    assert (
        queries.get_priorities(actor=SYSTEM, report_ids=[subject.report_id])[
            subject.report_id
        ].score
        == 20
    )


def test_who_may() -> None:
    analyst = person(Role.ANALYST)
    with pytest.raises(Refused):
        operations.analyse_batch(actor=analyst, reports=[report()], now=NOW)
    with pytest.raises(Refused):
        rulesets.draft_ruleset(actor=analyst, body=RULES, now=NOW)
    with pytest.raises(Refused):
        rulesets.draft_ruleset(actor=SYSTEM, body=RULES, now=NOW)
    with pytest.raises(Refused):
        rulesets.draft_ruleset(actor=person(Role.ADMINISTRATOR), body=RULES, now=NOW)
    with pytest.raises(Refusal):
        rulesets.draft_ruleset(actor=person(), body="schema = 1", now=NOW)
    subject = report()
    operations.analyse_batch(actor=SYSTEM, reports=[subject], now=NOW)
    for role in (Role.PARTNER, Role.STATISTICIAN, Role.ADMINISTRATOR, Role.PUBLIC, Role.ANALYST):
        assert queries.get_analyses(actor=person(role), report_ids=[subject.report_id]) == {}
