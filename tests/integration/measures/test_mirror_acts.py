"""Mirrors: under a court's decision alone, with its copy and evidence; listed, and off the list with its end."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from fanal import reference
from fanal.casework.operations.acts import ActUnknown
from fanal.kernel.actors import system_actor
from fanal.kernel.calendar import PARIS, end_of_day, paris_day, start_of_day
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking.blocklist import make_list
from fanal.measures.blocking.kind import BlockingState
from fanal.measures.blocking.mirrors import acts
from fanal.measures.blocking.register import entries_in_force
from fanal.measures.blocking.rules import BlockingFacts, due_at, expiry_of
from fanal.measures.blocking.views import still_blocked
from fanal.measures.domain.clocks import check_due
from fanal.measures.operations import issuing_authority
from tests.integration.measures import blockings
from tests.integration.measures.blockings import COLLEAGUE, DAY, HOUR, ago
from tests.integration.measures.mirrors import (
    COPY,
    NAME,
    REASONS,
    SERVICE,
    act_of,
    approved,
    decided,
    drafted,
    file_of,
    in_days,
    listed,
    reported,
    take,
    view,
)
from tests.integration.measures.stories import ANALYST, HOST, OFFICER, OVERSEER
from tests.server import as_worker

CATALOGUE = reference.load()


def names(at: datetime | None = None) -> set[str]:
    """The names in the list of an instant."""
    return {entry.name for entry in entries_in_force(now=at or datetime.now(UTC))}


def refusal(*args: object, **named: object) -> str:
    """The code with which a step is refused."""
    with pytest.raises(Refusal) as refused:
        take(*args, **named)  # type: ignore[arg-type]
    return refused.value.code


def test_a_mirror_needs_the_copy_of_the_decision_then_evidence_then_a_second_person() -> None:
    at = ago(1)
    act_id = drafted(at, ends=in_days(30))
    assert refusal(act_id, "submit", at, actor=ANALYST) == "NO_COPY"
    assert refusal(act_id, "enforce", at, actor=ANALYST) == "NO_COPY"  # words are no copy
    take(act_id, "enforce", at, actor=ANALYST, file=COPY)
    assert refusal(act_id, "submit", at, actor=ANALYST) == "NO_EVIDENCE"
    approved(act_id, at)
    assert names() == set()
    take(act_id, "list", ago(0))
    assert names() == {NAME}
    copy = next(step for step in file_of(act_id).steps if step.transition == "enforce")
    assert copy.file is not None
    assert view(act_id).removal_id is None


def test_the_name_leaves_the_list_at_the_midnight_that_ends_the_decision() -> None:
    last = in_days(9)
    act_id = listed(0.5, ends=last)
    midnight = end_of_day(last)
    assert midnight.astimezone(PARIS).hour == 0
    assert view(act_id).expires_at == midnight
    before = midnight - timedelta(microseconds=1)
    assert (names(before), names(midnight)) == ({NAME}, set())
    (entry,) = entries_in_force(now=before)
    block = make_list([entry], made_at=before, known=[], stop_host=issuing_authority.stop_host())
    assert (entry.expires, block.expires_at) == (midnight, midnight)
    found = view(act_id, midnight)
    assert (found.lapsed, found.late) == (True, True)
    assert found.due_at is not None


def test_the_check_of_the_quarter_ends_it_earlier() -> None:
    act_id = listed(0.5, ends=in_days(400))
    found = view(act_id)
    assert found.facts.listed_at is not None
    assert found.expires_at == check_due(catalogue=CATALOGUE, since=found.facts.listed_at)


def test_nothing_is_applied_before_the_decision_is_enforceable() -> None:
    first = in_days(1)
    act_id = approved(drafted(ago(1), ends=in_days(30), first=first), ago(1))
    assert refusal(act_id, "list", ago(0)) == "NOT_ENFORCEABLE"
    assert start_of_day(first) > datetime.now(UTC)


def test_a_decision_that_has_ended_is_refused_in_words() -> None:
    last = in_days(3)
    act_id = approved(drafted(ago(1), ends=last), ago(1))
    assert refusal(act_id, "list", end_of_day(last)) == "ENDED"
    take(act_id, "list", ago(0))
    for transition in ("confirm", "check"):
        assert refusal(act_id, transition, end_of_day(last)) == "ENDED"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ends_on": "2026-01-16"}, "WRONG_DAYS"),
        ({"ends_on": "soon"}, "WRONG_DAYS"),
        ({"ruled_on": "1999-01-01"}, "WRONG_DAYS"),
        ({"ends_on": "2026-02-01"}, "ENDED"),
        ({"court": " "}, "NO_DECISION"),
        ({"number": ""}, "NO_DECISION"),
        ({"number": " /\u200b"}, "NO_DECISION"),
        ({"service": NAME}, "SAME_NAME"),
        ({"service": f"www.{NAME}"}, "SAME_NAME"),
        ({"service": NAME.upper() + "."}, "SAME_NAME"),
        ({"service": NAME.replace(".", "。")}, "SAME_NAME"),
        ({"service": f"https://{NAME}/"}, "SERVICE_NAME"),
        ({"service": "192.0.2.7"}, "SERVICE_NAME"),
        ({"court": "TJ\x00Paris"}, "TEXT_UNREADABLE"),
        ({"number": "9" * 201}, "TEXT_UNREADABLE"),
    ],
)
def test_a_decision_that_cannot_be_applied_is_refused_in_words(
    changed: dict[str, str], code: str
) -> None:
    at = ago(1)
    decision = decided(ends=in_days(30))
    values = {name: getattr(decision, name) for name in decision.__struct_fields__} | changed
    with pytest.raises(Refusal) as refused:
        acts.open_mirror(
            actor=ANALYST,
            report_id=reported(at),
            hosts=[NAME],
            name=NAME,
            decision=type(decision)(**values),
            reasons=REASONS,
            now=at,
        )
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "code"),
    [("other.example", "NAME_ELSEWHERE"), ("192.0.2.7", ""), ("co.uk", ""), ("example", "")],
)
def test_only_a_name_of_the_report_that_may_be_blocked(name: str, code: str) -> None:
    at = ago(1)
    with pytest.raises(Refusal) as refused:
        acts.open_mirror(
            actor=ANALYST,
            report_id=reported(at),
            hosts=[NAME],
            name=name,
            decision=decided(ends=in_days(30)),
            reasons=REASONS,
            now=at,
        )
    assert not code or refused.value.code == code
    with pytest.raises(ActUnknown):
        acts.open_mirror(
            actor=ANALYST,
            report_id=UUID(int=9),
            hosts=[NAME],
            name=NAME,
            decision=decided(ends=in_days(30)),
            reasons=REASONS,
            now=at,
        )


def test_a_decision_that_ends_early_takes_every_mirror_under_it_off_the_list() -> None:
    one = listed(0.5, ends=in_days(30))
    two = listed(0.4, ends=in_days(30), name="condemned-third.example", number="rg  26/01234")
    other = listed(0.3, ends=in_days(30), name="other-service.example", number="RG 26/09999")
    take(one, "lift", ago(0), outcome="DECISION_ENDED")
    assert [act_of(one).state, act_of(two).state, act_of(other).state] == [
        "LIFTING",
        "LIFTING",
        "LISTED",
    ]
    assert names() == {"other-service.example"}


def test_a_mirror_below_the_condemned_name_is_that_service_itself() -> None:
    at, name = ago(1), f"pages.{SERVICE}"
    with pytest.raises(Refusal, match="SAME_NAME"):
        drafted(at, ends=in_days(30), name=name)


def test_a_decision_that_ends_early_withdraws_what_was_not_listed_yet() -> None:
    one = listed(3, ends=in_days(30))
    two = drafted(ago(2), ends=in_days(30), name="second.example")
    three = approved(drafted(ago(2), ends=in_days(30), name="third.example"), ago(2))
    other = approved(drafted(ago(2), ends=in_days(30), name="other.example", number="9"), ago(2))
    take(one, "lift", ago(0.5), outcome="DECISION_ENDED")
    states = [act_of(act_id).state for act_id in (one, two, three, other)]
    assert states == ["LIFTING", "WITHDRAWN", "WITHDRAWN", "APPROVED"]
    take(other, "list", ago(0))
    assert names() == {"other.example"}


@pytest.mark.parametrize("erased", [False, True])
def test_nothing_is_drafted_under_a_decision_whose_end_is_recorded(*, erased: bool) -> None:
    one = listed(3, ends=in_days(30))
    draft = drafted(ago(2), ends=in_days(30), name="amended.example", number="RG 26/09999")
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    take(one, "restore", ago(0.9))
    if erased:
        with as_worker():
            erased_acts = acts.erase_words(
                actor=system_actor("expiry"), act_ids=[one], now=ago(0.8)
            )
        assert erased_acts == 1
    for number in ("RG 26/01234", "rg\u00a026/01\u200b234", "ＲＧ 26-01234"):
        with pytest.raises(Refusal, match="ENDED_EARLY"):
            drafted(ago(0.5), ends=in_days(30), name="new.example", number=number)
        with pytest.raises(Refusal, match="ENDED_EARLY"):
            acts.amend_mirror(
                actor=ANALYST,
                act_id=draft,
                decision=decided(ends=in_days(30), number=number),
                reasons=REASONS,
                now=ago(0.5),
            )


@pytest.mark.parametrize(
    "number",
    [
        "RG\u00a026/01234",
        "\u200eRG 26/01\u200b234",
        "rg  26/01234 ",
        "ＲＧ ２６/01234",
        "RG 26\u201101234",
    ],
)
def test_another_spelling_of_a_number_is_the_same_decision(number: str) -> None:
    one = listed(3, ends=in_days(30))
    two = listed(2, ends=in_days(30), name="second.example", number=number)
    take(one, "lift", ago(0), outcome="DECISION_ENDED")
    assert (act_of(two).state, names()) == ("LIFTING", set())


def test_the_copy_is_that_of_the_decision_that_the_bytes_name() -> None:
    at = ago(1)
    act_id = drafted(at, ends=in_days(30), number="RG 1")
    take(act_id, "enforce", at, actor=ANALYST, file=COPY)
    take(act_id, "compare", at, actor=ANALYST)

    def amend(number: str, days: int, minutes: int) -> None:
        acts.amend_mirror(
            actor=ANALYST,
            act_id=act_id,
            decision=decided(ends=in_days(days), number=number),
            reasons=REASONS,
            now=at + timedelta(minutes=minutes),
        )

    amend("RG 2", 300, 1)
    later = at + timedelta(minutes=2)
    assert refusal(act_id, "submit", later, actor=ANALYST) == "OTHER_COPY"
    amend("RG 1", 40, 3)  # the same decision, with its day corrected
    take(act_id, "submit", at + timedelta(minutes=4), actor=ANALYST)
    amend("RG 2", 40, 5)
    take(act_id, "enforce", at + timedelta(minutes=6), actor=ANALYST, file=COPY)
    take(act_id, "submit", at + timedelta(minutes=7), actor=ANALYST)


def test_one_person_frees_a_mirror_and_another_reviews() -> None:
    act_id = listed(0.5, ends=in_days(30))
    take(act_id, "free", ago(0), actor=ANALYST)
    assert names() == set()
    assert refusal(act_id, "review", ago(0), actor=ANALYST) == "OTHER_PERSON"
    take(act_id, "review", ago(0), actor=COLLEAGUE)
    take(act_id, "restore", ago(0))
    assert act_of(act_id).state == "LIFTED"


def test_lifting_one_of_two_acts_on_a_name_changes_nothing_and_says_so() -> None:
    blocking_id = blockings.listed(1)
    act_id = listed(0.5, ends=in_days(30), name=HOST)
    found = still_blocked(actor=OFFICER, view=view(act_id), now=ago(0))
    assert [one.act.id for one in found] == [blocking_id]
    take(act_id, "lift", ago(0), outcome="GONE")
    assert names() == {HOST}
    blockings.take(blocking_id, "lift", ago(0), outcome="GONE")
    assert names() == set()


def test_the_overseer_reads_mirrors_of_every_desk() -> None:
    act_id = listed(0.5, ends=in_days(30))
    assert file_of(act_id, OVERSEER).act.state == "LISTED"
    assert SERVICE in (file_of(act_id, OVERSEER).content or b"").decode()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    since=st.datetimes(
        datetime(2026, 1, 2), datetime(2040, 1, 1), timezones=st.just(UTC), allow_imaginary=False
    ),
    days=st.integers(0, 400),
    state=st.sampled_from(sorted(BlockingState)),
    doubt=st.integers(1, 200),
)
def test_nothing_outlasts_the_decision(
    since: datetime, days: int, state: BlockingState, doubt: int
) -> None:
    last: date = paris_day(since + days * DAY)
    ends = end_of_day(last)
    facts = BlockingFacts(
        state=state,
        level="HIGH",
        protected=False,
        created_at=since,
        approved_at=since,
        listed_at=since,
        doubted_at=since + doubt * HOUR,
        ended_at=since,
        decision_ends_at=ends,
    )
    expires, due = expiry_of(facts, catalogue=CATALOGUE), due_at(facts, catalogue=CATALOGUE)
    assert expires is None or expires <= ends
    if state not in {"FREED", "LIFTING", "LIFTED", "WITHDRAWN"}:
        assert due is not None
        assert due <= ends
