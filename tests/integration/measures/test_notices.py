"""A notice to a provider: drafted with the decision, approved by another person, sent, followed, expired."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from fanal import reference
from fanal.accounts.domain.policy import Refused
from fanal.casework import queries
from fanal.casework.domain.records import ActFile, Addressee, Event, RecordedDecision
from fanal.casework.operations.acts import take_step
from fanal.casework.operations.approvals import approve_act, erase_words
from fanal.casework.operations.deciding import record_decision
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures.notice import acts
from fanal.measures.notice.document import Notice, read_notice
from fanal.measures.notice.kind import NOTICE
from fanal.measures.operations import issuing_authority
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.decisions import reopen_case
from fanal.orient.queue.operations import claim_case
from tests.integration.measures.stories import ANALYST, OFFICER, OVERSEER, decide
from tests.integration.orient.people import WORKER, person
from tests.refusals import CHECK, database_refuses
from tests.server import as_worker
from tests.unit.orient.items import MATERIAL, NOW, item, url

SUPERVISOR = person(Role.SUPERVISOR)
GROOMING = Choice(tracks=(Track.NOTICE,), bases=("CP 227-22-1",), reason="read")
PROVIDER = Addressee(name="Chat Ltd", contact="dsa@chat.example")
NO_ADDRESS = (
    # A header's reader decodes such words: a line's end, another recipient, a body.
    "dsa@chat.example>=?utf-8?q?=0D=0ABcc:other@other.example?=",
    "dsa@chat.example]=?utf-8?b?DQpCY2M6b3RoZXJAb3RoZXIuZXhhbXBsZQ==?=",
    "=?utf-8?q?x=40other.example=2C?=dsa@chat.example",
    "a@", "a@[", "é@chat.example", "one@chat.example,two@chat.example", "https://chat.example/?a=b",
)  # fmt: skip
DONE = Event(happened_at=NOW, proof="register no. 12")


def drafted(**values: object) -> tuple[RecordedDecision, UUID]:
    recorded = decide(choice=GROOMING, addressee=None, **values)
    (notice_id,) = recorded.opened["notice"]
    return recorded, notice_id


def file_of(notice_id: UUID, actor: Actor = ANALYST) -> ActFile:
    found = queries.get_act(actor=actor, lifecycle=NOTICE, act_id=notice_id)
    assert found is not None
    return found


def said(notice_id: UUID) -> Notice:
    content = file_of(notice_id).content
    assert content is not None
    return read_notice(content).notice


def complete(notice_id: UUID, **changed: object) -> None:
    values: dict[str, object] = {
        "addressee": PROVIDER,
        "targets": said(notice_id).targets,
        "reasons": "The account asks a child for a meeting.",
    }
    acts.amend_notice(actor=ANALYST, notice_id=notice_id, now=NOW, **(values | changed))


def take(notice_id: UUID, name: str, actor: Actor = OFFICER, event: Event = DONE) -> None:
    take_step(
        actor=actor, lifecycle=NOTICE, act_id=notice_id, transition=name, event=event, now=NOW
    )


def approve(notice_id: UUID, actor: Actor = SUPERVISOR) -> None:
    digest = file_of(notice_id).digest
    approve_act(actor=actor, lifecycle=NOTICE, act_id=notice_id, digest=digest, now=NOW)


def sent() -> UUID:
    _, notice_id = drafted()
    complete(notice_id)
    take(notice_id, "submit", ANALYST)
    approve(notice_id)
    take(notice_id, "send")
    return notice_id


def test_its_whole_life() -> None:
    notice_id = sent()
    assert file_of(notice_id).act.sent_at == NOW
    for name in ("acknowledge", "remind"):
        take(notice_id, name)
    take(notice_id, "answer", event=Event(happened_at=NOW, proof="mail 4", outcome="REMOVED"))
    act = file_of(notice_id, OVERSEER).act
    assert (act.state, act.outcome) == ("ANSWERED", "REMOVED")
    assert acts.due_at(act) is None
    day = acts.count_notices(
        actor=SUPERVISOR, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)
    )
    assert [(code, n) for _, code, _, n in day] == [("REMOVED", 1)]


def test_one_for_each_host_and_none_for_the_anonymous_network() -> None:
    recorded = decide(
        choice=GROOMING,
        addressee=None,
        urls=[
            url("https://one.example/a", "one.example"),
            url("https://two.example/b", "two.example"),
            url("https://one.example/c", "one.example"),
            url("http://" + "a" * 56 + ".onion/d", "a" * 56 + ".onion"),
        ],
    )
    found = {said(one).host: said(one).targets for one in recorded.opened["notice"]}
    assert found == {
        "one.example": ("https://one.example/a", "https://one.example/c"),
        "two.example": ("https://two.example/b",),
    }


def test_a_decision_that_a_removal_request_reaches_opens_none() -> None:
    with pytest.raises(Refusal, match="NOTICE_NEEDLESS"):
        decide(choice=Choice(tracks=(Track.NOTICE,), bases=("CP 227-23",), reason="read"))
    with pytest.raises(Refusal, match="NO_BASIS"):
        decide(choice=Choice(tracks=(Track.NOTICE,), bases=(), reason="read"))
    with pytest.raises(Refusal, match="NO_TARGET"):
        decide(choice=GROOMING, addressee=None, urls=[])


def test_it_does_not_leave_without_addressee_reasons_and_a_second_person() -> None:
    _, notice_id = drafted()
    with pytest.raises(Refusal, match="NO_ADDRESSEE"):
        take(notice_id, "submit", ANALYST)
    complete(notice_id, reasons=" ")
    with pytest.raises(Refusal, match="NO_REASONS"):
        take(notice_id, "submit", ANALYST)
    complete(notice_id)
    take(notice_id, "submit", ANALYST)
    with pytest.raises(TransitionRefused):
        take(notice_id, "send")
    with pytest.raises(Refused):
        approve(notice_id, ANALYST)
    with pytest.raises(Refused):
        take(notice_id, "withdraw", OVERSEER)
    approve(notice_id)
    complete(notice_id)  # other bytes: the approval is void
    assert file_of(notice_id).act.state == "DRAFT"


def test_what_is_changed_is_what_it_held() -> None:
    _, notice_id = drafted()
    for code, changed in (
        ("FOREIGN_TARGET", {"targets": ["https://elsewhere.example/"]}),
        ("NO_TARGET", {"targets": []}),
        ("ADDRESSEE_UNREADABLE", {"addressee": Addressee(name="a\nb", contact="c@d.example")}),
        ("TEXT_UNREADABLE", {"reasons": "x" * 2001}),
        *(
            ("ADDRESSEE_UNREADABLE", {"addressee": Addressee(name="a", contact=contact)})
            for contact in NO_ADDRESS
        ),
    ):
        with pytest.raises(Refusal, match=code):
            complete(notice_id, **changed)


def test_the_letter_says_what_the_regulation_asks() -> None:
    _, notice_id = drafted()
    complete(notice_id)
    document = read_notice(file_of(notice_id).content or b"")
    for text, wanted in (
        (
            document.text.fr,
            ("article 16", "227-22-1 du code pénal", "bonne foi", "sans retard indu"),
        ),
        (document.text.en, ("Article 16", "227-22-1 of the French", "good faith", "undue delay")),
    ):
        for words in (*wanted, str(notice_id), "dsa@chat.example", "asks a child", "[.]example"):
            assert words in text
        assert "https://" not in text
        assert "22)" not in text
        assert "{" not in text
        assert "?" not in text
    assert document.notice.targets[0].startswith("https://")


def test_a_trusted_flagger_says_by_which_decision() -> None:
    issuing_authority.install(flagger="Arcom 2026-31")
    try:
        _, notice_id = drafted()
    finally:
        issuing_authority.install()
    document = read_notice(file_of(notice_id).content or b"")
    assert "signaleur de confiance (Arcom 2026-31)" in document.text.fr
    assert "trusted flagger (Arcom 2026-31)" in document.text.en


def test_a_newer_decision_withdraws_what_was_not_sent() -> None:
    recorded, notice_id = drafted()
    report_id = recorded.decision.report_id
    reopen_case(actor=ANALYST, report_id=report_id, now=NOW)
    complete(notice_id)
    with pytest.raises(Refusal, match="GROUND_GONE"):
        take(notice_id, "submit", ANALYST)
    claim = claim_case(actor=ANALYST, report_id=report_id, now=NOW)
    record_decision(
        actor=ANALYST,
        report=item(report_id=report_id, **MATERIAL).report,
        choice=Choice(tracks=(Track.NONE,), bases=(), reason="nothing to do"),
        claim_token=claim.token,
        now=NOW,
    )
    assert file_of(notice_id).act.state == "WITHDRAWN"


def test_what_was_sent_is_taken_back_with_the_proof_that_the_provider_was_told() -> None:
    notice_id = sent()
    with pytest.raises(TransitionRefused):
        take(notice_id, "withdraw", ANALYST)
    with pytest.raises(Refusal, match="NO_PROOF"):
        take(notice_id, "retract", event=Event(happened_at=NOW))
    take(notice_id, "retract")
    assert file_of(notice_id).act.state == "RETRACTED"


def test_the_clock_counts_to_the_second_person_to_the_sending_and_to_a_reminder() -> None:
    _, notice_id = drafted()
    catalogue = reference.load()
    assert acts.due_at(file_of(notice_id).act) == NOW + timedelta(hours=4)
    assert catalogue.by_code(reference.Clock, "REMIND_HIGH", NOW.date()) is not None
    assert acts.due_at(file_of(sent()).act) > NOW + timedelta(days=1)


def test_the_database_lets_none_leave_unapproved() -> None:
    _, notice_id = drafted()
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO casework_step (id, act_id, transition, source, target, revision, actor_id,"
            " happened_at, recorded_at, addressee, proof)"
            " VALUES (gen_random_uuid(), %s, 'send', 'APPROVED', 'SENT', 1, %s, %s, %s, 'HOST', 'x')",
            [notice_id, OFFICER.person_id, NOW, NOW],
        )


def test_its_words_expire_and_its_steps_stay() -> None:
    notice_id = sent()
    with as_worker():
        erase_words(actor=WORKER, kind="notice", act_ids=[notice_id], now=NOW)
    found = file_of(notice_id)
    assert found.content is None
    assert [step.transition for step in found.steps][-1] == "send"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(a)::text FROM casework_act a WHERE id = %s", [notice_id])
        ((row,),) = cursor.fetchall()
    assert "example" not in row
