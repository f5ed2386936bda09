"""A decision with its drafts, in one transaction; a referral from draft to outcome."""

from datetime import timedelta

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.casework import queries as acts
from fanal.casework.domain.records import Event, RecordedDecision
from fanal.casework.operations.acts import take_step
from fanal.formats.report.records import PersonRole, Place
from fanal.harmonise.domain.records import Selector, SelectorKind, SelectorRole
from fanal.judicial import operations, queries
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.domain.records import ReferralFile, ReferralOutcome, ReferralState
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures import queries as measures
from fanal.orient import queries as orient
from fanal.orient.domain.records import Choice, Track
from fanal.orient.domain.states import CaseState
from tests.integration.measures.stories import ANALYST, decide
from tests.integration.orient.people import person
from tests.refusals import CHECK, KEPT, NO_RIGHT, database_refuses
from tests.server import as_worker
from tests.unit.orient.items import NOW, ReportKind, period, suspect, url, victim

OFFICER = person(Role.JUDICIAL_OFFICER)
SUPERVISOR = person(Role.SUPERVISOR)
DONE = Event(happened_at=NOW, proof="register no. 12")


def referral(recorded: RecordedDecision, actor: Actor = SUPERVISOR) -> ReferralFile:
    found = queries.get_referral(actor=actor, referral_id=recorded.opened["referral"][0])
    assert found is not None
    return found


def move(
    recorded: RecordedDecision, name: str, event: Event = DONE, actor: Actor = OFFICER
) -> None:
    take_step(
        actor=actor,
        lifecycle=REFERRAL,
        act_id=recorded.opened["referral"][0],
        transition=name,
        event=event,
        now=NOW,
    )


def told(recorded: RecordedDecision) -> RecordedDecision:
    operations.amend_referral(
        actor=OFFICER,
        referral_id=recorded.opened["referral"][0],
        body="OFMIN",
        summary="What was established.",
        now=NOW,
    )
    return recorded


def test_both_tracks_leave_two_drafts() -> None:
    recorded = decide()
    report_id = recorded.decision.report_id
    assert len(recorded.opened["measure"]) == 1
    assert referral(recorded).referral.state is ReferralState.DRAFT
    assert len(measures.measures_of(actor=ANALYST, report_ids=[report_id])[report_id]) == 1
    (kept,) = queries.referrals_of(actor=SUPERVISOR, report_ids=[report_id])[report_id]
    assert kept.body == "OFMIN"
    assert kept.due_at == NOW + timedelta(hours=24)


def test_one_track_leaves_one_draft() -> None:
    judicial = decide(
        choice=Choice(
            tracks=(Track.JUDICIAL,),
            bases=("CP 227-22-1",),
            reason="read",
            body="PROSECUTOR_OF_VICTIM",
        )
    )
    assert judicial.opened["measure"] == ()
    assert referral(judicial).referral.body == "PROSECUTOR_OF_VICTIM"
    none = decide(choice=Choice(tracks=(Track.NONE,), bases=(), reason="no facts"))
    assert none.opened["referral"] == ()


def test_a_draft_that_cannot_be_made_undoes_the_decision() -> None:
    with pytest.raises(Refusal, match="NO_TARGET"):
        decide(urls=())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orient_decision")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT state FROM orient_case")
        assert cursor.fetchall() == [(CaseState.CLAIMED,)]
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = 'decision.take'")
        assert cursor.fetchone() == (0,)


def test_one_measure_for_each_host() -> None:
    recorded = decide(
        urls=(
            url("https://a.example/1", "a.example"),
            url("https://b.example/1", "b.example"),
            url("https://a.example/2", "a.example"),
        )
    )
    found = measures.list_measures(actor=ANALYST)
    assert sorted((m.request.host, len(m.request.targets)) for m in found) == [
        ("a.example", 2),
        ("b.example", 1),
    ]
    assert len(recorded.opened["measure"]) == 2


def test_the_text_says_the_facts_and_nothing_of_the_reporter() -> None:
    reporter = victim()
    reporter = type(reporter)(
        role=PersonRole.REPORTER, name="Canary Reporter", emails=("canary@a.example",)
    )
    selector = Selector(
        kind=SelectorKind.HANDLE, value="blue@game", role=SelectorRole.SUSPECT, source="persons[0]"
    )
    recorded = decide(
        kind=ReportKind.ABUSE_MATERIAL,
        persons=(suspect("FR"), victim(12, "FR"), reporter),
        selectors=(selector,),
        occurred=period("2026-11-01", "2026-11-02"),
        place=Place(country="DE", locality="Lisse"),
    )
    seen = referral(recorded)
    assert "Lieu\u00a0: Lisse, Allemagne" in seen.text_fr
    assert "Place: Lisse, Germany" in seen.text_en
    for text in (seen.text_fr, seen.text_en):
        assert "Canary" not in text
        assert "canary@" not in text
        assert "blue@game" in text
        assert "hxxps[:]//pictures[.]example/a" in text
        assert "227-23" in text
        assert "12" in text
    assert "1er\u00a0novembre 2026" in seen.text_fr
    assert "1\u00a0November 2026" in seen.text_en
    assert "ans à compter de la majorité" not in seen.text_fr, "limitation is not computed"


def test_the_way_to_an_outcome() -> None:
    recorded = decide()
    operations.amend_referral(
        actor=OFFICER,
        referral_id=recorded.opened["referral"][0],
        body="PROSECUTOR_OF_SUSPECT",
        summary="What was established.",
        now=NOW,
    )
    assert "What was established." in referral(recorded).text_en
    move(recorded, "prepare", Event(happened_at=NOW))
    move(recorded, "send")
    move(recorded, "return")
    move(recorded, "redirect", Event(happened_at=NOW))
    move(recorded, "prepare", Event(happened_at=NOW))
    move(recorded, "send")
    move(recorded, "acknowledge")
    move(recorded, "take_up")
    move(
        recorded,
        "close",
        Event(happened_at=NOW, proof="letter", outcome=ReferralOutcome.PROSECUTED),
    )
    seen = referral(recorded)
    assert seen.referral.outcome == "PROSECUTED"
    assert [step.transition for step in seen.steps][:3] == ["amend", "prepare", "send"]
    assert seen.referral.due_at is None
    with pytest.raises(TransitionRefused):
        move(recorded, "send")


@pytest.mark.parametrize(
    ("name", "event", "code"),
    [
        ("send", Event(happened_at=NOW), "NO_PROOF"),
        ("prepare", Event(happened_at=NOW + timedelta(seconds=1)), "EVENT_IN_FUTURE"),
        ("close", DONE, "UNKNOWN_OUTCOME"),
        ("prepare", Event(happened_at=NOW, outcome=ReferralOutcome.JOINED), "UNKNOWN_OUTCOME"),
    ],
)
def test_moves_refused(name: str, event: Event, code: str) -> None:
    recorded = told(decide())
    with pytest.raises(Refusal) as refused:
        move(recorded, name, event)
    assert refused.value.code == code


def test_a_referral_without_an_account_of_the_facts_is_not_ready() -> None:
    with pytest.raises(Refusal, match="NO_SUMMARY"):
        move(decide(), "prepare", Event(happened_at=NOW))


def test_penalties_are_told_with_their_circumstances() -> None:
    seen = referral(
        decide(kind=ReportKind.ABUSE_MATERIAL, occurred=period("2026-11-01", "2026-11-01"))
    )
    assert "5 ans d’emprisonnement, 75\u202f000" in seen.text_fr
    assert "diffusion par un réseau à un public non déterminé\u00a0: 7" in seen.text_fr
    assert "7 years’ imprisonment, fine of EUR 100,000" in seen.text_en
    assert "Date\u00a0: le 1er\u00a0novembre 2026" in seen.text_fr


def test_nothing_leaves_before_it_is_ready() -> None:
    with pytest.raises(TransitionRefused):
        move(decide(), "send")


def test_who_may() -> None:
    recorded = decide()
    for actor in (ANALYST, SUPERVISOR, person(Role.JUDICIAL_OFFICER, desk=2)):
        with pytest.raises(Refused):
            move(recorded, "prepare", Event(happened_at=NOW), actor)
    elsewhere = person(Role.SUPERVISOR, desk=2)
    assert queries.get_referral(actor=elsewhere, referral_id=recorded.opened["referral"][0]) is None
    assert acts.list_acts(actor=elsewhere, lifecycle=REFERRAL) == ()
    assert len(acts.list_acts(actor=OFFICER, lifecycle=REFERRAL, states=["DRAFT"])) == 1


def test_amendments_are_checked() -> None:
    recorded = decide()
    for body, summary, code in (
        ("NOBODY", "", "UNKNOWN_BODY"),
        ("OFMIN", "x" * 50_001, "SUMMARY_UNREADABLE"),
        ("OFMIN", "a\0b", "SUMMARY_UNREADABLE"),
        ("OFMIN", "a\ud800b", "SUMMARY_UNREADABLE"),
    ):
        with pytest.raises(Refusal, match=code):
            operations.amend_referral(
                actor=OFFICER,
                referral_id=recorded.opened["referral"][0],
                body=body,
                summary=summary,
                now=NOW,
            )


def test_expired_words_leave_the_structure() -> None:
    recorded = decide()
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT casework_erase_words(ARRAY[%s::uuid])", [recorded.opened["referral"][0]]
        )
    seen = referral(recorded)
    assert (seen.facts, seen.text_fr, seen.summary) == (None, "", "")
    assert seen.referral.bases


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE casework_step SET actor_id = gen_random_uuid()",
        "DELETE FROM casework_step",
        "DELETE FROM casework_act",
        "UPDATE casework_act SET state = 'SENT'",
    ],
)
def test_history_is_kept_by_the_database(statement: str) -> None:
    move(told(decide()), "prepare", Event(happened_at=NOW))
    with database_refuses(NO_RIGHT, KEPT, CHECK), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_decision_is_read_with_its_case() -> None:
    recorded = decide()
    case = orient.get_case(actor=ANALYST, report_id=recorded.decision.report_id)
    assert case is not None
    assert case.state is CaseState.TO_SECOND
