"""Dereferencings: their whole life, who may take which step, doubts, restoration, expiry, figures."""

import json
from datetime import UTC, datetime

import pytest

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.casework.domain.records import Addressee, AddresseeKind, Event
from fanal.casework.operations.approvals import approve_act
from fanal.casework.operations.doubts import reopen_report
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures.dereferencing import acts, views
from fanal.measures.dereferencing.document import mail_of, read_dereferencing
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.domain.oversight import RecommendationKind
from fanal.measures.operations import milestones
from fanal.measures.operations.oversight import recommend
from tests.integration.measures.blockings import COLLEAGUE, DAY, HOUR, SUPERVISOR, ago, received
from tests.integration.measures.dereferencings import (
    ENGINE,
    act_of,
    approved,
    drafted,
    file_of,
    notified,
    take,
    view,
)
from tests.integration.measures.racing import done_twice_at_once
from tests.integration.measures.stories import ANALYST, HOST, OFFICER, OVERSEER, decide
from tests.integration.orient.people import WORKER, person
from tests.server import as_worker

DIRECTORY = Addressee(
    kind=AddresseeKind.DIRECTORY, name="Old Directory", contact="legal@old.example"
)
TARGETS = (f"https://{HOST}/a",)


def test_its_whole_life() -> None:
    at = ago(40)
    act_id = notified(40)
    found = view(act_id)
    assert (found.act.state, found.host, found.recipient) == ("NOTIFIED", HOST, "Look Search")
    assert (found.due_at, found.asked) == (at + 2 * DAY, "SUPERVISOR")  # nobody proved it
    take(act_id, "confirm", at + HOUR)
    take(act_id, "check", at + 30 * DAY)
    assert view(act_id).due_at is not None
    assert view(act_id).due_at > at + 118 * DAY  # type: ignore[operator]
    take(act_id, "lift", at + 31 * DAY, outcome="GONE")
    assert (view(act_id).due_at, view(act_id).asked) == (at + 31 * DAY + HOUR, "ANYONE")
    take(act_id, "ask", at + 31 * DAY, actor=ANALYST)
    assert view(act_id).due_at == at + 33 * DAY
    take(act_id, "restore", at + 32 * DAY)
    found = view(act_id)
    assert (found.act.state, found.outcome, found.due_at, found.asked) == (
        "LIFTED",
        "GONE",
        None,
        "",
    )
    assert file_of(act_id, OVERSEER).act.state == "LIFTED"


def test_a_check_alone_does_not_prove_that_results_are_gone() -> None:
    at, act_id = ago(1), notified(1)
    take(act_id, "check", at + HOUR)
    assert view(act_id).due_at == at + 2 * DAY
    take(act_id, "confirm", at + 2 * HOUR)
    assert view(act_id).due_at > at + 80 * DAY  # type: ignore[operator]


def test_the_letter_names_law_addresses_and_request_in_both_languages() -> None:
    removal_id = received(ago(3))
    content = file_of(drafted(removal_id, ago(2))).content or b""
    document = read_dereferencing(content)
    for text, wanted in (
        (document.text.fr, ("article 6-1", "227-23 du code pénal", "48 heures", "2015-253")),
        (document.text.en, ("Article 6-1", "227-23 of the French", "48 hours", "2015-253")),
    ):
        for words in (*wanted, str(removal_id), "pictures[.]example", "own words", "Look Search"):
            assert words in text
        assert "{" not in text
        assert HOST not in text
    assert document.dereferencing.targets == TARGETS
    mail = mail_of(content)
    assert mail.recipient == "legal@look.example"
    assert HOST not in mail.subject


def test_no_wait_and_no_receipt_are_needed_but_a_request_that_lasts() -> None:
    at = ago(2)
    removal_id = received(at)
    act_id = approved(drafted(removal_id, at), at)
    take(act_id, "notify", at)  # the host's twenty-four hours have just begun
    other = approved(drafted(removal_id, at, recipient=DIRECTORY), at)
    event = Event(happened_at=at + HOUR, proof="mail")
    milestones.record_execution(
        actor=OFFICER, measure_id=removal_id, event=event, now=event.happened_at
    )
    assert (act_of(act_id).state, act_of(act_id).outcome) == ("DOUBTED", "REMOVAL_ENDED")
    with pytest.raises(Refusal, match="REMOVAL_ENDED"):
        take(other, "notify", at + 2 * HOUR)
    with pytest.raises(Refusal, match="REMOVAL_ENDED"):
        take(act_id, "keep", at + 2 * HOUR, actor=COLLEAGUE)
    with pytest.raises(Refusal, match="REMOVAL_ENDED"):
        drafted(removal_id, at + 2 * HOUR)


def test_one_act_for_each_recipient_with_the_contact_known_to_the_desk() -> None:
    at = ago(2)
    first = received(at)
    drafted(first, at)
    plain = Addressee(kind=AddresseeKind.DIRECTORY, name="Old Directory")
    same = Addressee(kind=AddresseeKind.SEARCH_ENGINE, name="LOOK search")
    found = acts.open_dereferencings(
        actor=ANALYST, removal_id=first, recipients=[plain, same, same], now=at
    )
    assert len(found) == 2
    addressees = [
        read_dereferencing(file_of(one).content or b"").dereferencing.addressee for one in found
    ]
    assert [one.contact for one in addressees] == ["", ENGINE.contact]
    with pytest.raises(Refusal, match="NO_ADDRESSEE"):
        take(found[0], "submit", at, actor=ANALYST)
    host = Addressee(kind=AddresseeKind.HOST, name="A host")
    for nobody in ([], [plain, host]):
        with pytest.raises(Refusal, match="NO_ADDRESSEE"):
            acts.open_dereferencings(actor=ANALYST, removal_id=first, recipients=nobody, now=at)


def test_a_desk_keeps_its_contacts_however_much_another_drafts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(views, "_NEWEST", 1)
    at = ago(2)
    drafted(received(at), at)
    west = person(Role.ANALYST, Role.MEASURES_OFFICER, desk=2)
    with row_scope.shown_to(west):
        addressee = Addressee(name="Hosting Ltd", contact=f"abuse@{HOST}")
        (removal_id,) = decide(author=west, desk_id=2, now=at, addressee=addressee).opened[
            "measure"
        ]
        drafted(removal_id, at, actor=west, recipient=DIRECTORY)
    for desk_id, contact in ((1, ENGINE), (2, DIRECTORY)):
        found = views.last_contacts(actor=OVERSEER, desk_id=desk_id)
        assert found == {contact.name.casefold(): contact.contact}


def test_a_recipient_named_again_on_a_request_is_the_act_that_is_open() -> None:
    at = ago(2)
    removal_id = received(at)
    one = drafted(removal_id, at)
    same = Addressee(kind=AddresseeKind.DIRECTORY, name="LOOK search")
    assert drafted(removal_id, at, recipient=same, actor=OFFICER) == one
    assert drafted(received(at), at) != one
    approved(one, at)
    take(one, "notify", at)
    assert drafted(removal_id, at) == one
    take(one, "free", at)
    assert drafted(removal_id, at) != one


def test_a_recipient_of_some_addresses_alone_gets_another_act_for_all() -> None:
    at = ago(2)
    urls = ("https://two.example/a", "https://two.example/b")
    first = received(at, "two.example", paths=("a", "b"))
    one = drafted(first, at)
    acts.amend_dereferencing(
        actor=ANALYST, act_id=one, addressee=ENGINE, targets=urls[:1], reasons="x", now=at
    )
    other = drafted(first, at)
    assert other != one
    assert drafted(first, at) == other


@pytest.mark.django_db(transaction=True)
def test_a_recipient_named_by_two_presses_at_once_is_one_act() -> None:
    at = ago(2)
    removal_id = received(at)
    first, second = done_twice_at_once(lambda: drafted(removal_id, at, actor=OFFICER))
    assert first == second


def test_an_amendment_voids_the_approval_and_adds_no_address() -> None:
    at = ago(1)
    act_id = approved(drafted(received(at), at), at)
    contact = Addressee(kind=AddresseeKind.DIRECTORY, name="Old Directory", contact="a@b.example")
    wanted = {"actor": ANALYST, "act_id": act_id, "addressee": contact, "reasons": "x", "now": at}
    for targets, code in (([], "NO_TARGET"), (["https://other.example/"], "FOREIGN_TARGET")):
        with pytest.raises(Refusal, match=code):
            acts.amend_dereferencing(targets=targets, **wanted)
    acts.amend_dereferencing(targets=TARGETS, **wanted)
    found = view(act_id)
    assert (found.act.state, found.recipient, found.act.addressee) == (
        "DRAFT",
        "Old Directory",
        "DIRECTORY",
    )
    with pytest.raises(TransitionRefused):
        take(act_id, "notify", at)


def test_two_people_are_needed() -> None:
    at = ago(1)
    act_id = drafted(received(at), at)
    take(act_id, "submit", at, actor=ANALYST)
    digest = file_of(act_id).digest
    wanted = {"lifecycle": DEREFERENCING, "act_id": act_id, "digest": digest, "now": at}
    with pytest.raises(Refused):
        approve_act(actor=ANALYST, **wanted)
    approve_act(actor=SUPERVISOR, **wanted)
    with pytest.raises(Refusal, match="NO_PROOF"):
        take(act_id, "notify", at, proof="")
    with pytest.raises(Refused):
        take(act_id, "notify", at, actor=ANALYST)


def test_one_person_ends_it_and_asks_and_another_reviews() -> None:
    at, act_id = ago(1), notified(2)
    with pytest.raises(Refusal, match="NO_REASON"):
        take(act_id, "free", at, actor=ANALYST, reason="")
    take(act_id, "free", at, actor=ANALYST)
    assert (view(act_id).due_at, view(act_id).asked) == (at + HOUR, "ANYONE")
    take(act_id, "ask", at, actor=ANALYST)
    assert (view(act_id).due_at, view(act_id).asked) == (at + DAY, "REVIEWER")
    with pytest.raises(Refusal, match="REVIEW_FIRST"):
        take(act_id, "restore", at)
    with pytest.raises(Refusal, match="OTHER_PERSON"):
        take(act_id, "review", at, actor=ANALYST)
    take(act_id, "review", at, actor=COLLEAGUE)
    assert (view(act_id).due_at, view(act_id).act.state) == (at + 2 * DAY, "RESTORING")
    with pytest.raises(Refusal, match="NOT_FREED"):
        take(act_id, "review", at, actor=SUPERVISOR)
    take(act_id, "restore", at)
    assert (view(act_id).act.state, view(act_id).outcome) == ("LIFTED", "FREED")


def test_what_is_past_its_check_can_only_be_lifted() -> None:
    act_id, now = notified(93), datetime.now(UTC)
    found = view(act_id)
    assert (found.lapsed, found.late, found.asked) == (True, True, "SUPERVISOR")
    for transition in ("confirm", "check"):
        with pytest.raises(Refusal, match="LAPSED"):
            take(act_id, transition, now)
    take(act_id, "lift", now, outcome="LAPSED")
    with pytest.raises(Refusal, match="NOT_LAPSED"):
        take(notified(2, host="two.example"), "lift", now, outcome="LAPSED")


def test_a_doubt_is_answered_in_time_and_by_another_person() -> None:
    act_id, at = notified(3), ago(0.5)
    take(act_id, "doubt", at, outcome="APPEAL")
    assert view(act_id, at).due_at == at + DAY  # the desk's delay DECIDE, level HIGH
    with pytest.raises(Refusal, match="OTHER_PERSON"):
        take(act_id, "keep", at + HOUR)
    with pytest.raises(Refusal, match="LAPSED"):
        take(act_id, "keep", at + 25 * HOUR, actor=COLLEAGUE)
    take(act_id, "keep", at + 2 * HOUR, actor=COLLEAGUE)
    assert (view(act_id).act.state, view(act_id).lapsed) == ("IN_FORCE", False)


def test_what_rests_on_another_request_has_no_doubt_of_this_one() -> None:
    act_id, other, now = notified(2), notified(2, host="two.example"), datetime.now(UTC)
    recommend(
        actor=OVERSEER,
        measure_id=view(act_id).removal_id,
        kind=RecommendationKind.END,
        words="Not this page.",
        now=now,
    )
    assert (act_of(act_id).state, act_of(act_id).outcome) == ("DOUBTED", "RECOMMENDED")
    assert act_of(other).state == "NOTIFIED"
    reopen_report(actor=ANALYST, report_id=act_of(other).subject_id, now=now)
    assert (act_of(other).state, act_of(other).outcome) == ("DOUBTED", "REOPENED")
    with pytest.raises(Refusal, match="GROUND_GONE"):
        take(other, "keep", now, actor=COLLEAGUE)


def test_a_ruling_that_annuls_the_request_lifts_it_at_once() -> None:
    act_id, now = notified(2), datetime.now(UTC)
    event = Event(happened_at=now, proof="ruling no. 7")
    milestones.annul_measure(
        actor=OFFICER, measure_id=view(act_id).removal_id, event=event, now=now
    )
    found = view(act_id, now)
    assert (found.act.state, found.outcome, found.asked) == ("LIFTING", "ANNULLED", "ANYONE")
    assert file_of(act_id).steps[-1].proof == "ruling no. 7"


def test_the_restoration_is_asked_for_with_a_message_of_its_own() -> None:
    act_id, now = notified(2), datetime.now(UTC)
    with pytest.raises(Refusal, match="NOT_ENDED"):
        acts.restoration_of(actor=OFFICER, file=file_of(act_id), now=now)
    take(act_id, "lift", now, outcome="GONE")
    mail, attached = acts.restoration_of(actor=OFFICER, file=file_of(act_id), now=now)
    asked = json.loads(attached)
    assert (asked["schema"], tuple(asked["targets"])) == ("fanal/dereferencing-end/1", TARGETS)
    assert (asked["act_id"], asked["ended_at"]) == (str(act_id), now.isoformat())
    assert mail.recipient == "legal@look.example"
    for text, words in ((mail.text.fr, "Rétablissez"), (mail.text.en, "again within 48 hours")):
        assert words in text
        assert "{" not in text
        assert HOST not in text


def test_words_and_names_expire_once_it_has_ended() -> None:
    ended, open_one = notified(3), notified(3, host="two.example")
    take(ended, "lift", ago(2), outcome="GONE")
    take(ended, "ask", ago(2))
    take(ended, "restore", ago(1))
    with as_worker():
        ids, now = [ended, open_one], datetime.now(UTC)
        assert acts.erase_words(actor=WORKER, act_ids=ids, now=now) == 1
        assert acts.erase_words(actor=WORKER, act_ids=ids, now=now) == 0
    assert (file_of(ended).content, view(ended).host, view(ended).recipient) == (None, "", "")
    with pytest.raises(Refusal, match="EXPIRED"):
        acts.restoration_of(actor=OFFICER, file=file_of(ended), now=now)
    assert file_of(open_one).content is not None
    assert view(open_one).host == "two.example"


def test_figures_count_them_by_state() -> None:
    now = datetime.now(UTC)
    act_id = notified(2)
    take(act_id, "doubt", ago(1), outcome="APPEAL")
    drafted(view(act_id).removal_id, now, recipient=DIRECTORY)
    found = views.count_dereferencings(actor=SUPERVISOR, since=now - 9 * DAY, until=now + DAY)
    assert sorted((state, n) for _, state, _, n in found) == [("DOUBTED", 1), ("DRAFT", 1)]
    assert views.count_waiting(actor=SUPERVISOR) == {"DRAFT": 1, "TO_SECOND": 0, "APPROVED": 0}
