"""Warnings on PostgreSQL: found by key at every desk, kept with the acts, and not passed by a race."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from fanal.accounts import row_scope
from fanal.casework.domain.lifecycle import REPLACED
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.measures import queries
from fanal.measures.domain.oversight import RecommendationKind
from fanal.measures.domain.records import MeasureState, MeasureWarning, WarningCode
from fanal.measures.domain.warnings import Asked
from fanal.measures.operations import drafts
from fanal.measures.operations.milestones import annul_measure, lift_measure, record_execution
from fanal.measures.operations.oversight import recommend
from fanal.measures.queries import EARLIER
from fanal.orient.operations.decisions import reopen_case
from tests.integration.judicial.test_decided_anew import decide_anew
from tests.integration.measures.racing import refused_meanwhile
from tests.integration.measures.raw import CHECK, PRIVILEGE, STEP, sqlstate
from tests.integration.measures.stories import (
    ADDRESSEE,
    ANALYST,
    OFFICER,
    OVERSEER,
    decide,
    measure,
    seconded,
    warned,
)
from tests.integration.measures.test_following import HOUR, event, received, sent
from tests.integration.orient.people import person
from tests.unit.orient.items import NOW, url

PAGE = "https://pictures.example/a"
OTHER = "https://pictures.example/b"


def warnings(measure_id: UUID, actor: Actor = ANALYST) -> tuple[MeasureWarning, ...]:
    found = measure(measure_id, actor)
    asked = Asked(desk_id=found.desk_id, report_id=found.report_id, request=found.request)
    with row_scope.shown_to(actor):
        return queries.warnings_on(actor=actor, asked=[asked])[measure_id]


def codes(measure_id: UUID) -> list[WarningCode]:
    return [one.code for one in warnings(measure_id)]


def draft(address: str = PAGE, **values: object) -> UUID:
    """A measure on one address, with its addressee."""
    (measure_id,) = decide(urls=(url(address),), **values).opened["measure"]
    return measure_id


def approve(measure_id: UUID, **values: object) -> None:
    digest = measure(measure_id).digest
    drafts.approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW, **values)


def lifted() -> UUID:
    measure_id, at = received(), NOW + 20 * HOUR
    record_execution(actor=OFFICER, measure_id=measure_id, event=event(at), now=at)
    lift_measure(actor=OFFICER, measure_id=measure_id, cause="gone", event=event(at), now=at)
    return measure_id


def annulled() -> UUID:
    measure_id, at = received(), NOW + 20 * HOUR
    annul_measure(actor=OFFICER, measure_id=measure_id, event=event(at), now=at)
    return measure_id


def given_up() -> UUID:
    measure_id = draft()
    drafts.withdraw_measure(actor=ANALYST, measure_id=measure_id, cause="lawful", now=NOW)
    return measure_id


def sent_back() -> UUID:
    measure_id = draft()
    digest = measure(measure_id).digest
    drafts.refuse_measure(
        actor=OFFICER, measure_id=measure_id, digest=digest, reason="lawful", now=NOW
    )
    return measure_id


def to_be_ended() -> UUID:
    measure_id = draft()
    recommend(
        actor=OVERSEER, measure_id=measure_id, kind=RecommendationKind.END, words="end", now=NOW
    )
    return measure_id


def test_nothing_to_say_of_a_first_request() -> None:
    measure_id = draft()
    assert measure(measure_id).state is MeasureState.TO_SECOND
    assert warnings(measure_id) == ()
    approve(measure_id)


@pytest.mark.parametrize(
    ("story", "code"),
    [
        (sent, WarningCode.MEASURE_RUNNING),
        (lifted, WarningCode.MEASURE_LIFTED),
        (annulled, WarningCode.MEASURE_ANNULLED),
        (given_up, WarningCode.MEASURE_WITHDRAWN),
        (sent_back, WarningCode.MEASURE_REFUSED),
        (to_be_ended, WarningCode.END_RECOMMENDED),
    ],
)
def test_what_became_of_another_measure(story: Callable[[], UUID], code: WarningCode) -> None:
    other = story()
    [said] = warnings(draft())
    assert (said.code, said.addresses, said.subjects) == (code, (PAGE,), (other,))


def test_replaced_by_a_new_decision_is_nobody_s_verdict_and_cannot_be_feigned() -> None:
    recorded = decide(urls=(url(PAGE),))
    decide_anew(recorded)
    assert codes(draft()) == []
    feigned = draft()
    with pytest.raises(Refusal, match="TEXT_UNREADABLE"):
        drafts.withdraw_measure(actor=ANALYST, measure_id=feigned, cause=f" {REPLACED} ", now=NOW)


def test_addresses_are_compared_by_their_key() -> None:
    seconded(draft())
    assert codes(draft(f"{PAGE}?utm_source=mail#there")) == [WarningCode.MEASURE_RUNNING]
    assert codes(draft(f"{PAGE}?page=2")) == []


def test_a_refused_address_that_was_dropped_is_still_refused() -> None:
    (first,) = decide(urls=(url(PAGE), url(OTHER))).opened["measure"]
    digest = measure(first).digest
    drafts.refuse_measure(
        actor=OFFICER, measure_id=first, digest=digest, reason="b is lawful", now=NOW
    )
    drafts.amend_measure(
        actor=ANALYST,
        measure_id=first,
        addressee=ADDRESSEE,
        targets=[PAGE],
        non_disclosure=False,
        now=NOW,
    )
    seconded(first)
    assert codes(draft()) == [WarningCode.MEASURE_RUNNING]
    assert codes(draft(OTHER)) == [WarningCode.MEASURE_REFUSED]


def test_a_whole_site_is_said() -> None:
    measure_id = draft("https://pictures.example/")
    assert measure(measure_id).state is MeasureState.DRAFT  # a person submits it
    assert codes(measure_id) == [WarningCode.WHOLE_SITE]


def test_another_desk_learns_that_it_exists_and_no_more() -> None:
    sent()
    west = person(Role.ANALYST, Role.MEASURES_OFFICER, desk=2)
    with row_scope.shown_to(west):
        measure_id = draft(author=west, desk_id=2)
        [said] = warnings(measure_id, west)
    assert said == MeasureWarning(code=WarningCode.MEASURE_ELSEWHERE, addresses=(PAGE,), desk_id=1)
    # Nobody asks about a measure that they may not read.
    found = measure(measure_id, west)
    asked = Asked(desk_id=2, report_id=found.report_id, request=found.request)
    for actor in (ANALYST, person(Role.STATISTICIAN), person(Role.PARTNER)):
        assert queries.warnings_on(actor=actor, asked=[asked]) == {}


def test_submitting_and_seconding_need_a_reason_each_and_the_overseer_reads_both() -> None:
    sent()
    measure_id = draft()
    seen = warned(measure_id)["seen"]
    for given, code in (
        ({}, "WARNINGS_CHANGED"),
        ({"seen": seen}, "NO_REASON"),
        ({"reason": "because"}, "WARNINGS_CHANGED"),
    ):
        with pytest.raises(Refusal, match=code):
            drafts.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW, **given)
    drafts.submit_measure(
        actor=ANALYST, measure_id=measure_id, now=NOW, seen=seen, reason="sent in vain, again"
    )
    for given, code in (({}, "WARNINGS_CHANGED"), ({"seen": seen, "reason": " "}, "NO_REASON")):
        with pytest.raises(Refusal, match=code):
            approve(measure_id, **given)
    assert measure(measure_id).state is MeasureState.TO_SECOND
    approve(measure_id, seen=seen, reason="seen on the page today")

    stood = warnings(measure_id)
    # What is kept is what stood then, whatever becomes of the other measure.
    found = queries.get_measure(actor=OVERSEER, measure_id=measure_id)
    assert found is not None
    [approval] = found.approvals
    assert (approval.reason, approval.warnings) == ("seen on the page today", stood)
    submit, second = found.steps
    assert (submit.reason, submit.warnings) == ("sent in vain, again", stood)
    assert (second.reason, second.warnings) == ("seen on the page today", stood)
    assert queries.seconded_despite(actor=OVERSEER, measure_ids=[measure_id]) == {measure_id}
    entries = ledger.entries_of(actor=OVERSEER, object_id=measure_id)
    told = {e.action: e.detail.get("warnings") for e in entries}
    assert told == {"measure.propose": None, "measure.step": 1, "measure.approve": 1}


def test_the_same_person_by_another_account_is_refused_whatever_the_reason() -> None:
    everything = person(Role.ANALYST, Role.SUPERVISOR, Role.MEASURES_OFFICER)
    sent()
    measure_id = draft(author=everything)
    drafts.submit_measure(actor=everything, measure_id=measure_id, now=NOW, **warned(measure_id))
    given = warned(measure_id)
    digest = measure(measure_id).digest
    with pytest.raises(Exception, match="OWN_ACT"):
        drafts.approve_measure(
            actor=everything, measure_id=measure_id, digest=digest, now=NOW, **given
        )


def test_a_warning_that_appeared_since_the_page_was_made_refuses_the_approval() -> None:
    measure_id = draft()
    page = warned(measure_id)
    assert page == {}
    seconded(draft(f"{PAGE}#again"))
    with pytest.raises(Refusal, match="WARNINGS_CHANGED"):
        approve(measure_id, **page)
    assert queries.get_measure(actor=ANALYST, measure_id=measure_id).approvals == ()
    approve(measure_id, **warned(measure_id))


def test_what_is_warned_of_may_be_left_out_without_a_word() -> None:
    seconded(draft())
    (measure_id,) = decide(urls=(url(PAGE), url(OTHER))).opened["measure"]
    seen = warned(measure_id)["seen"]
    drafts.amend_measure(
        actor=ANALYST,
        measure_id=measure_id,
        addressee=ADDRESSEE,
        targets=[OTHER],
        non_disclosure=False,
        now=NOW,
    )
    drafts.submit_measure(actor=ANALYST, measure_id=measure_id, now=NOW, seen=seen)
    approve(measure_id)


def test_the_database_keeps_no_warned_signature_without_its_reason() -> None:
    measure_id = draft()
    statement = (
        "INSERT INTO casework_approval (act_id, revision, verdict, digest, approver_id, approved_at, reason,"
        " warnings) SELECT act_id, revision, 'APPROVED', digest, %s, now(), %s, %s FROM casework_document"
        " WHERE act_id = %s"
    )
    values = [OFFICER.person_id, " \n", '[{"code": "WHOLE_SITE"}]', measure_id]
    assert sqlstate(statement, values) == CHECK
    assert sqlstate(statement, [values[0], "read", *values[2:]]) == ""
    taken = STEP.replace("lapsed_at)", "lapsed_at, warnings)").replace("END FROM", "END, %s FROM")
    submitted = ["withdraw", "TO_SECOND", "WITHDRAWN", ANALYST.person_id, 0, "", False]
    assert sqlstate(taken, [*submitted, values[2], measure_id]) == CHECK
    for act in (
        "UPDATE measures_target SET key = gen_random_uuid()",
        "DELETE FROM measures_target",
        "TRUNCATE measures_target",
        "UPDATE casework_approval SET warnings = '[]'",
        "UPDATE casework_step SET warnings = '[]'",
    ):
        assert sqlstate(act, []) == PRIVILEGE


@pytest.mark.django_db(transaction=True)
def test_two_approvals_on_one_address_at_once_see_each_other() -> None:
    """Each rests on a report of its own; the second waits at the host, and meets the first as a warning."""
    first, second = draft(), draft()
    faults = refused_meanwhile(lambda: approve(first), lambda: approve(second))
    assert faults == ["WARNINGS_CHANGED"]
    assert measure(second).state is MeasureState.TO_SECOND
    approve(second, **warned(second))


@pytest.mark.django_db(transaction=True)
def test_an_approval_meets_a_reopening_first() -> None:
    measure_id = draft()
    report_id = measure(measure_id).report_id
    faults = refused_meanwhile(
        lambda: reopen_case(actor=ANALYST, report_id=report_id, now=NOW),
        lambda: approve(measure_id),
    )
    assert faults == ["GROUND_GONE"]


@pytest.mark.django_db(transaction=True)
def test_keys_are_found_by_their_index(as_role: Callable[[str], psycopg.Connection]) -> None:
    """As the app, under row-level security: an operator that may leak would read every target."""
    draft()
    session = as_role("app")
    session.execute("SET fanal.scope = 'ALL'")
    session.execute("SET enable_seqscan = off")
    plan = "\n".join(
        row[0] for row in session.execute(f"EXPLAIN {EARLIER}", [[UUID(int=1)], 100]).fetchall()
    )
    search = plan[plan.index("measures_target_pkey") :].splitlines()[1]
    assert "Index Cond: (key = wanted.key)" in search
