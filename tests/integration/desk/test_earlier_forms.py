"""A form counts for the act as its page showed it: its words, its addressee, and the steps taken."""

import re
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client

from fanal.casework import queries as acts
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.judicial import queries as judged
from fanal.judicial.domain.kinds import REFERRAL, SHEET
from fanal.measures import queries as measures
from fanal.measures.domain.records import Measure, MeasureState
from fanal.measures.operations.drafts import amend_measure
from fanal.measures.operations.milestones import erase_words
from fanal.orient.domain.records import Choice, Track
from tests.integration.desk.operator import bring_in, payer_named
from tests.integration.desk.story import GAME, WORKER, Desk, add_reports
from tests.integration.desk.work import decided, send, shown
from tests.integration.measures.racing import wait_until_somebody_waits
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
FORM = re.compile(r'<form method="post" action="([^"]+)".*?</form>', re.DOTALL)
WORDS = "Read and compared."


def referral(desk: Desk, sign_in: SignIn) -> tuple[Lifecycle, UUID, str]:
    """A referral to the national office; return it with its page."""
    report_id = decided(desk)
    (found,) = judged.referrals_of(actor=desk.actor("driss"), report_ids=[report_id])[report_id]
    return REFERRAL, found.id, f"/fr/desk/referrals/{found.id}/"


def sheet(desk: Desk, sign_in: SignIn) -> tuple[Lifecycle, UUID, str]:
    """A sheet on a payer; return it with its page."""
    bring_in(desk)
    payer = payer_named(desk, "Cyril Patron")
    sign_in("claire").post(f"/fr/desk/payments/{payer}/sheet/", {"body": "TRACFIN"})
    (found,) = acts.list_acts(actor=desk.actor("driss"), lifecycle=SHEET)
    return SHEET, found.id, f"/fr/desk/sheets/{found.id}/"


def notice(desk: Desk, sign_in: SignIn) -> str:
    """The page of a notice."""
    add_reports(desk, [("asked", 30, GAME | {"urls": ["https://chat.example/room/4"]})])
    told = Choice(tracks=(Track.NOTICE,), bases=("CP 227-22-1",), reason="read")
    decided(desk, "asked", choice=told)
    found = sign_in("ana").get("/fr/desk/notices/").content.decode()
    return next(iter(re.findall(r"/fr/desk/notices/[0-9a-f-]{36}/", found)))


def measure_of(desk: Desk, report_id: UUID) -> Measure:
    """The one measure of a report."""
    (found,) = measures.measures_of(actor=desk.actor("claire"), report_ids=[report_id])[report_id]
    return found


def amend(desk: Desk, measure: Measure) -> None:
    """Another person changes a measure."""
    amend_measure(
        actor=desk.actor("elise"),
        measure_id=measure.id,
        addressee=measure.request.addressee,
        targets=measure.request.targets[:1],
        non_disclosure=True,
        now=desk.now,
    )


@pytest.mark.parametrize("drafted", [referral, sheet])
def test_another_addressee_is_another_revision_although_the_words_are_the_same(
    desk: Desk,
    sign_in: SignIn,
    drafted: Callable[[Desk, SignIn], tuple[Lifecycle, UUID, str]],
) -> None:
    """Else "sent to B" would be recorded of what was handed to A."""
    lifecycle, act_id, page = drafted(desk, sign_in)
    driss = sign_in("driss")
    bodies = ("OFMIN", "PHAROS") if lifecycle is REFERRAL else ("TRACFIN", "PROSECUTOR_OF_PARIS")

    def found() -> acts.ActFile:
        file = acts.get_act(actor=desk.actor("driss"), lifecycle=lifecycle, act_id=act_id)
        assert file is not None
        return file

    assert send(driss, page, "amend", {"body": bodies[0], "summary": WORDS}).status_code == 302
    assert send(driss, page, "move", {"move": "prepare"}).status_code == 302
    earlier, words = shown(driss, page), found().digest
    other = sign_in("driss")
    assert send(other, page, "amend", {"body": bodies[1], "summary": WORDS}).status_code == 302
    assert send(other, page, "move", {"move": "prepare"}).status_code == 302
    assert found().digest == words

    for form, said in {
        "move": {"move": "send", "proof": "Receipt 12"},
        "amend": {"body": bodies[0], "summary": "Unread."},
    }.items():
        late = driss.post(f"{page}{form}/", earlier | said)
        assert late.status_code == 409, form
        assert "relisez" in late.content.decode()
    assert (found().act.state, found().act.addressee) == ("READY", bodies[1])
    sent = send(driss, page, "move", {"move": "send", "proof": "Receipt 12"})
    assert sent.status_code == 302


def test_a_form_of_an_earlier_revision_does_nothing(desk: Desk, sign_in: SignIn) -> None:
    """Else it would record what nobody sent, or overwrite words that nobody read."""
    measure = measure_of(desk, decided(desk))
    page, web = f"/fr/desk/measures/{measure.id}/", sign_in("ana")
    earlier = shown(web, page)
    amend(desk, measure)
    present = shown(web, page)
    said = {"cause": "doublon"}
    for stale in (
        earlier,
        present | {"steps": earlier["steps"]},
        present | {"digest": earlier["digest"]},
        {"digest": present["digest"]},
        {"steps": present["steps"]},
        present | {"steps": "٢"},
        present | {"steps": "9" * 5000},
        {},
    ):
        answer = web.post(f"{page}withdraw/", said | stale)
        assert answer.status_code == 409, stale
        assert "relisez" in answer.content.decode()
    assert measure_of(desk, measure.report_id).state is MeasureState.DRAFT
    assert web.post(f"{page}withdraw/", said | present).status_code == 302


def test_a_form_of_an_earlier_state_gives_nothing_up(desk: Desk, sign_in: SignIn) -> None:
    """Else a request that has left is withdrawn by whoever saw that it had not."""
    measure = measure_of(desk, decided(desk))
    page, web = f"/fr/desk/measures/{measure.id}/", sign_in("ana")
    earlier = shown(web, page)
    assert send(sign_in("elise"), page, "approve").status_code == 302
    assert shown(web, page)["digest"] == earlier["digest"]
    late = web.post(f"{page}withdraw/", {"cause": "doublon"} | earlier)
    assert late.status_code == 409
    assert measure_of(desk, measure.report_id).state is MeasureState.APPROVED


@pytest.mark.django_db(transaction=True)
def test_a_form_waits_for_an_amendment_that_is_being_written(desk: Desk, sign_in: SignIn) -> None:
    """What the page showed is compared once the act is held, not before."""
    measure = measure_of(desk, decided(desk))
    page, web = f"/fr/desk/measures/{measure.id}/", sign_in("ana")
    said = shown(web, page) | {"cause": "doublon"}
    answers = []

    def withdraw() -> None:
        try:
            answers.append(web.post(f"{page}withdraw/", said))
        finally:
            connection.close()

    thread = threading.Thread(target=withdraw)
    with transaction.atomic():
        amend(desk, measure)
        thread.start()
        wait_until_somebody_waits()
    thread.join(timeout=20)
    (late,) = answers
    assert late.status_code == 409
    assert "relisez" in late.content.decode()
    assert measure_of(desk, measure.report_id).state is MeasureState.DRAFT


def test_every_form_of_an_act_says_what_its_page_showed(desk: Desk, sign_in: SignIn) -> None:
    measure = measure_of(desk, decided(desk))
    people = {
        f"/fr/desk/measures/{measure.id}/": ("ana", "elise"),
        referral_page(desk, measure.report_id): ("driss", "ana"),
        sheet(desk, sign_in)[2]: ("driss", "claire"),
        notice(desk, sign_in): ("ana", "elise"),
    }
    forms = {"amend", "propose", "move", "step", "contact", "withdraw", "submit"}
    forms |= {"block", "dereference"}
    named = set()
    for page, readers in people.items():
        for name in readers:
            body = sign_in(name).get(page).content.decode()
            for match in FORM.finditer(body):
                end = match[1].removeprefix(page)
                if end != match[1]:
                    named.add(end.strip("/"))
                    for hidden in ("steps", "digest"):
                        assert f'type="hidden" name="{hidden}"' in match[0], match[1]
    assert {"amend", "propose", "withdraw", "approve", "refuse"} <= named, named
    assert named <= forms | {"approve", "refuse"}


def referral_page(desk: Desk, report_id: UUID) -> str:
    (found,) = judged.referrals_of(actor=desk.actor("driss"), report_ids=[report_id])[report_id]
    return f"/fr/desk/referrals/{found.id}/"


def test_what_has_expired_is_still_followed(desk: Desk, sign_in: SignIn) -> None:
    """The form's digest is that of the bytes that are left: none."""
    measure = measure_of(desk, decided(desk))
    page, web = f"/fr/desk/measures/{measure.id}/", sign_in("ana")
    earlier = shown(web, page)
    with as_worker():
        erase_words(actor=WORKER, measure_ids=[measure.id], now=desk.now)
    assert shown(web, page) == {"steps": earlier["steps"], "digest": ""}
    assert web.post(f"{page}withdraw/", {"cause": "doublon"} | earlier).status_code == 409
    assert send(web, page, "withdraw", {"cause": "doublon"}).status_code == 302
