"""Blockings: their whole life, who may take which step, the names refused, and when they leave the list."""

from datetime import UTC, datetime, timedelta

import pytest

from fanal.accounts.domain.policy import Refused
from fanal.casework.domain.records import Event
from fanal.casework.operations.approvals import approve_act
from fanal.casework.operations.doubts import reopen_report
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures.blocking import acts, register, views
from fanal.measures.blocking.document import Ground, Mentions, read_blocking
from fanal.measures.blocking.kind import BLOCKING
from fanal.measures.operations import issuing_authority, milestones
from tests.integration.measures.blockings import (
    COLLEAGUE,
    DAY,
    HOUR,
    MENTIONS,
    SUPERVISOR,
    act_of,
    ago,
    approved,
    drafted,
    file_of,
    listed,
    received,
    take,
    view,
)
from tests.integration.measures.racing import done_twice_at_once
from tests.integration.measures.stories import ANALYST, HOST, OFFICER, OVERSEER
from tests.integration.orient.people import WORKER, person
from tests.server import as_worker

PROTECTED = "photos.gouv.fr"


def test_its_whole_life() -> None:
    at = ago(40)
    blocking_id = listed(40)
    assert (act_of(blocking_id).state, view(blocking_id).host) == ("LISTED", HOST)
    assert view(blocking_id).due_at == at + DAY
    take(blocking_id, "confirm", at + 2 * HOUR)
    take(blocking_id, "check", at + 30 * DAY)
    assert view(blocking_id).due_at is not None
    assert view(blocking_id).due_at > at + 118 * DAY  # type: ignore[operator]
    take(blocking_id, "lift", at + 31 * DAY, outcome="GONE")
    assert view(blocking_id).due_at == at + 32 * DAY
    take(blocking_id, "restore", at + 32 * DAY)
    found = view(blocking_id)
    assert (found.act.state, found.outcome, found.due_at, found.asked) == (
        "LIFTED",
        "GONE",
        None,
        "",
    )
    assert file_of(blocking_id, OVERSEER).act.state == "LIFTED"


def test_the_letter_names_law_name_and_request_in_both_languages() -> None:
    removal_id = received(ago(3))
    document = read_blocking(file_of(drafted(removal_id, ago(2))).content or b"")
    for text, wanted in (
        (
            document.text.fr,
            ("article 6-1", "227-23 du code pénal", "vingt-quatre heures", "reçue le"),
        ),
        (
            document.text.en,
            ("Article 6-1", "227-23 of the French", "twenty-four hours", "received on"),
        ),
    ):
        for words in (*wanted, str(removal_id), "pictures[.]example", "still there"):
            assert words in text
        assert "{" not in text
        assert HOST not in text
    assert document.blocking.host == HOST


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("other.example", "NAME_ELSEWHERE"),
        ("www.pictures.example", "NAME_ELSEWHERE"),
        ("example", "NAME_SINGLE_LABEL"),
        ("192.0.2.7", "NAME_IS_ADDRESS"),
        ("https://pictures.example/", "NAME_IS_URL"),
    ],
)
def test_a_name_that_the_request_does_not_reach_is_refused(name: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        drafted(received(ago(3)), ago(2), name=name)


def test_a_public_suffix_and_the_desks_own_names_are_refused() -> None:
    removal_id = received(ago(3), "page.github.io")
    with pytest.raises(Refusal, match="NAME_PUBLIC_SUFFIX"):
        drafted(removal_id, ago(2), name="github.io")
    issuing_authority.install(hosts=["page.github.io"])
    try:
        with pytest.raises(Refusal, match="NAME_OWN"):
            drafted(removal_id, ago(2), name="page.github.io")
    finally:
        issuing_authority.install()


def test_nothing_is_listed_before_the_hosts_time_has_run_out() -> None:
    at = ago(2)
    blocking_id = approved(drafted(received(at), at + HOUR), at + 2 * HOUR)
    with pytest.raises(Refusal, match="NOT_DUE"):
        take(blocking_id, "list", at + 23 * HOUR)
    take(blocking_id, "list", at + 24 * HOUR)


def test_nothing_is_listed_whose_request_was_executed_suspended_or_whose_decision_lapsed() -> None:
    at = ago(4)
    removal_id = received(at)
    blocking_id = approved(drafted(removal_id, at + HOUR), at + 2 * HOUR)
    event = Event(happened_at=at + 3 * HOUR, proof="mail")
    milestones.record_step(
        actor=OFFICER,
        measure_id=removal_id,
        transition="suspend",
        event=Event(happened_at=at + 3 * HOUR, reason="CLARIFICATION"),
        now=at + 3 * HOUR,
    )
    with pytest.raises(Refusal, match="REMOVAL_SUSPENDED"):
        take(blocking_id, "list", at + 30 * HOUR)
    milestones.resume_clock(
        actor=OFFICER, measure_id=removal_id, event=event, now=event.happened_at
    )
    milestones.record_execution(
        actor=OFFICER, measure_id=removal_id, event=event, now=event.happened_at
    )
    with pytest.raises(Refusal, match="REMOVAL_ENDED"):
        take(blocking_id, "list", at + 40 * HOUR)
    with pytest.raises(Refusal, match="REMOVAL_ENDED"):
        drafted(removal_id, at + 40 * HOUR)
    reopen_report(actor=ANALYST, report_id=act_of(blocking_id).subject_id, now=at + 41 * HOUR)
    with pytest.raises(Refusal, match="GROUND_GONE"):
        take(blocking_id, "list", at + 42 * HOUR)


def test_without_any_legal_mention_no_request_is_waited_for() -> None:
    at = ago(2)
    removal_id = received(at)
    lacking = drafted(removal_id, at, ground=Ground.NO_MENTIONS, mentions=Mentions(host="capture"))
    with pytest.raises(Refusal, match="NO_MENTIONS"):
        take(lacking, "submit", at, actor=ANALYST)
    acts.amend_blocking(
        actor=ANALYST, blocking_id=lacking, reasons="Nobody is named.", mentions=MENTIONS, now=at
    )
    take(approved(lacking, at + HOUR), "list", at + 2 * HOUR)
    assert act_of(lacking).state == "LISTED"


def test_two_people_block_and_a_third_vouches_for_a_protected_name() -> None:
    at = ago(2)
    blocking_id = drafted(received(at - DAY, PROTECTED), at, name=PROTECTED)
    take(blocking_id, "submit", at, actor=ANALYST)
    digest = file_of(blocking_id).digest
    with pytest.raises(Refused):
        approve_act(actor=ANALYST, lifecycle=BLOCKING, act_id=blocking_id, digest=digest, now=at)
    approve_act(actor=SUPERVISOR, lifecycle=BLOCKING, act_id=blocking_id, digest=digest, now=at)
    assert view(blocking_id).asked == "THIRD"
    with pytest.raises(Refusal, match="PROTECTED"):
        take(blocking_id, "list", at + HOUR)
    with pytest.raises(Refusal, match="THIRD_PERSON"):
        take(blocking_id, "vouch", at + HOUR, actor=SUPERVISOR)
    with pytest.raises(Refused):
        take(blocking_id, "vouch", at + HOUR, actor=OFFICER)


def test_a_name_that_is_not_protected_needs_no_third_person() -> None:
    at = ago(1)
    blocking_id = approved(drafted(received(at - DAY), at), at)
    with pytest.raises(Refusal, match="NOT_PROTECTED"):
        take(blocking_id, "vouch", at, actor=SUPERVISOR)


def test_a_vouched_name_is_listed() -> None:
    at = ago(1)
    blocking_id = approved(drafted(received(at - DAY, PROTECTED), at, name=PROTECTED), at)
    with pytest.raises(Refusal, match="NO_REASON"):
        take(blocking_id, "vouch", at, actor=SUPERVISOR, reason=" ")
    take(blocking_id, "vouch", at, actor=SUPERVISOR)
    take(blocking_id, "list", at + HOUR)
    assert act_of(blocking_id).state == "LISTED"


def test_one_person_frees_and_another_reviews() -> None:
    at = ago(1)
    blocking_id = listed(2)
    with pytest.raises(Refusal, match="NO_REASON"):
        take(blocking_id, "free", at, actor=ANALYST, reason="")
    take(blocking_id, "free", at, actor=ANALYST)
    assert view(blocking_id).due_at == at + DAY
    assert view(blocking_id).expires_at is None
    with pytest.raises(Refusal, match="OTHER_PERSON"):
        take(blocking_id, "review", at, actor=ANALYST)
    with pytest.raises(TransitionRefused):
        take(blocking_id, "list", at)
    take(blocking_id, "review", at, actor=COLLEAGUE)
    assert act_of(blocking_id).state == "LIFTING"


def test_a_lapsed_name_is_never_brought_back() -> None:
    blocking_id = listed(93)
    now = datetime.now(UTC)
    found = view(blocking_id)
    assert (found.lapsed, found.late, found.act.state) == (True, True, "LISTED")
    for transition in ("confirm", "check"):
        with pytest.raises(Refusal, match="LAPSED"):
            take(blocking_id, transition, now)
    take(blocking_id, "lift", now, outcome="LAPSED")
    with pytest.raises(Refusal, match="NOT_LAPSED"):
        take(listed(2, host="two.example"), "lift", now, outcome="LAPSED")


def test_a_doubt_lapses_by_itself_and_is_answered_by_another_person() -> None:
    blocking_id, at = listed(3), ago(0.5)
    take(blocking_id, "doubt", at, outcome="APPEAL")
    found = view(blocking_id, at)
    assert found.expires_at == found.due_at
    assert found.expires_at == at + DAY  # the desk's delay DECIDE, level HIGH
    assert found.asked == "OFFICER"
    with pytest.raises(Refusal, match="OTHER_PERSON"):
        take(blocking_id, "keep", at + HOUR)
    with pytest.raises(Refusal, match="LAPSED"):
        take(blocking_id, "keep", at + 25 * HOUR, actor=COLLEAGUE)
    assert view(blocking_id, at + 25 * HOUR).asked == "SUPERVISOR"
    take(blocking_id, "keep", at + 2 * HOUR, actor=COLLEAGUE)
    kept = view(blocking_id)
    assert (kept.act.state, kept.lapsed) == ("IN_FORCE", False)
    assert kept.expires_at is not None
    assert kept.expires_at < ago(3) + timedelta(days=92, minutes=1)


def test_words_and_name_expire_once_it_has_ended() -> None:
    ended, open_one = listed(3), listed(3, host="two.example")
    take(ended, "lift", ago(2), outcome="GONE")
    take(ended, "restore", ago(1))
    with as_worker():
        ids, now = [ended, open_one], datetime.now(UTC)
        assert acts.erase_words(actor=WORKER, act_ids=ids, now=now) == 1
        assert acts.erase_words(actor=WORKER, act_ids=ids, now=now) == 0
    assert (file_of(ended).content, view(ended).host) == (None, "")
    assert [step.transition for step in file_of(ended).steps][-1] == "restore"
    assert file_of(open_one).content is not None
    assert view(open_one).host == "two.example"


def test_figures_count_blockings_by_state() -> None:
    now = datetime.now(UTC)
    take(listed(2), "doubt", ago(1), outcome="APPEAL")
    found = views.count_blockings(actor=SUPERVISOR, since=now - 9 * DAY, until=now + DAY)
    assert [(state, n) for _, state, _, n in found] == [("DOUBTED", 1)]
    assert views.count_waiting(actor=SUPERVISOR) == {"DRAFT": 0, "TO_SECOND": 0, "APPROVED": 0}


def test_of_two_acts_on_a_name_the_other_still_blocks() -> None:
    one, two, above = (
        listed(2, host="www.two.example"),
        listed(2, host="www.two.example"),
        listed(2, host="a.two.example", name="two.example"),
    )
    now = datetime.now(UTC)
    others = views.still_blocked(actor=ANALYST, view=view(one), now=now)
    assert {found.act.id for found in others} == {two, above}
    assert views.still_blocked(actor=ANALYST, view=view(above), now=now) == ()


def test_a_name_drafted_again_on_its_request_is_the_act_that_is_open() -> None:
    at = ago(3)
    removal_id = received(at, "www.two.example")
    one = drafted(removal_id, at, name="www.two.example")
    assert drafted(removal_id, at, name="www.two.example.") == one
    above = drafted(removal_id, at, name="two.example", actor=OFFICER)
    assert above != one
    assert drafted(received(at, "www.two.example"), at, name="www.two.example") != one
    with pytest.raises(Refused):
        drafted(removal_id, at, name="www.two.example", actor=OVERSEER)
    take(above, "withdraw", at, actor=ANALYST)
    assert drafted(removal_id, at, name="two.example") != above
    approved(one, at)
    take(one, "list", at + 2 * DAY)
    assert drafted(removal_id, at + 2 * DAY, name="www.two.example") == one
    take(one, "free", at + 2 * DAY, actor=OFFICER)
    assert drafted(removal_id, at + 2 * DAY, name="www.two.example") != one


@pytest.mark.django_db(transaction=True)
def test_a_name_drafted_by_two_presses_at_once_is_one_act() -> None:
    at = ago(3)
    removal_id = received(at)
    first, second = done_twice_at_once(lambda: drafted(removal_id, at, actor=OFFICER))
    assert first == second


def test_an_act_of_another_desk_on_the_name_is_told_and_not_shown() -> None:
    here, now = person(Role.ANALYST), datetime.now(UTC)
    elsewhere = person(Role.ANALYST, desk=2)
    one, two = listed(2, host="www.two.example"), listed(2, host="www.two.example")
    assert not register.is_blocked_elsewhere(actor=here, view=view(one), now=now)
    assert views.still_blocked(actor=elsewhere, view=view(one), now=now) == ()
    assert register.is_blocked_elsewhere(actor=elsewhere, view=view(one), now=now)
    take(two, "lift", ago(1), outcome="GONE")
    assert not register.is_blocked_elsewhere(actor=elsewhere, view=view(one), now=now)
