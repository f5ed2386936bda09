"""A file as proof of a step, on the pages of every kind of act: attached, shown, downloaded, refused."""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from fanal.casework import queries as acts
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.proofs import MAX_FILE
from fanal.casework.domain.records import Event
from fanal.casework.operations.approvals import erase_words
from fanal.judicial.domain.kinds import REFERRAL
from fanal.kernel.actors import system_actor
from fanal.measures.domain.records import MeasureState
from fanal.measures.operations.milestones import record_first_contact
from fanal.vault import keyring
from tests.integration.desk.story import Desk
from tests.integration.desk.test_earlier_forms import (
    WORDS,
    decided,
    measure_of,
    notice,
    referral,
    sheet,
)
from tests.integration.desk.work import send
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
CONTENT = b"<script>alert(1)</script> Received."
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LINK = re.compile(r'href="(/fr/desk/[a-z]+/[0-9a-f-]{36}/proof/[0-9a-f-]{36}/)"')


def upload(name: str = "accusé.html", content: bytes = CONTENT) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


def ready(desk: Desk, sign_in: SignIn) -> tuple[Client, str]:
    """A referral that waits to be sent, with its officer."""
    _lifecycle, _id, page = referral(desk, sign_in)
    driss = sign_in("driss")
    send(driss, page, "amend", {"body": "OFMIN", "summary": WORDS})
    assert send(driss, page, "move", {"move": "prepare"}).status_code == 302
    return driss, page


def sent(desk: Desk, sign_in: SignIn, **said: object) -> tuple[Client, str]:
    """The referral was sent, with a file as its proof."""
    driss, page = ready(desk, sign_in)
    form = {"move": "send", "file": upload()} | said
    assert send(driss, page, "move", form).status_code == 302
    return driss, page


def file_of(web: Client, page: str) -> str:
    """The address of the one file that a page shows."""
    (address,) = LINK.findall(web.get(page).content.decode())
    return address


def body(answer: HttpResponse) -> str:
    return answer.content.decode()


@pytest.mark.parametrize("drafted", [referral, sheet])
def test_a_file_alone_proves_and_comes_back_as_it_was(
    desk: Desk, sign_in: SignIn, drafted: Callable[[Desk, SignIn], tuple[Lifecycle, object, str]]
) -> None:
    lifecycle, _id, page = drafted(desk, sign_in)
    driss, addressee = sign_in("driss"), "OFMIN" if lifecycle is REFERRAL else "TRACFIN"
    send(driss, page, "amend", {"body": addressee, "summary": WORDS})
    assert 'enctype="multipart/form-data"' in body(driss.get(page))
    assert send(driss, page, "move", {"move": "prepare"}).status_code == 302
    assert send(driss, page, "move", {"move": "send", "file": upload()}).status_code == 302
    shown = body(driss.get(page))
    assert "accusé.html" in shown
    assert DIGEST in shown
    answer = driss.get(file_of(driss, page))
    assert answer.content == CONTENT
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment; filename")
    assert "no-store" in answer["Cache-Control"]


def test_a_notice_takes_a_file_and_the_overseer_reads_it(desk: Desk, sign_in: SignIn) -> None:
    page = notice(desk, sign_in)
    said = {"name": "Chat Ltd", "contact": "dsa@chat.example", "reasons": WORDS}
    target = re.findall(r'name="target" value="([^"]+)"', body(sign_in("ana").get(page)))
    assert send(sign_in("ana"), page, "amend", said | {"target": target}).status_code == 302
    assert send(sign_in("ana"), page, "propose", {"move": "submit"}).status_code == 302
    assert send(sign_in("claire"), page, "approve").status_code == 302
    elise = sign_in("elise")
    assert send(elise, page, "move", {"move": "send", "file": upload()}).status_code == 302
    assert elise.get(file_of(elise, page)).content == CONTENT
    overseer = sign_in("gabrielle")
    assert overseer.get(file_of(elise, page)).content == CONTENT


def test_a_measure_takes_a_file_and_the_overseer_sees_its_digest(
    desk: Desk, sign_in: SignIn
) -> None:
    measure = measure_of(desk, decided(desk))
    page, elise = f"/fr/desk/measures/{measure.id}/", sign_in("elise")
    assert (
        send(sign_in("claire"), page, "approve", _warned(sign_in("claire"), page)).status_code
        == 302
    )
    record_first_contact(
        actor=desk.actor("elise"),
        recipient=measure.request.recipient,
        event=Event(happened_at=desk.now - timedelta(days=2), proof="letter"),
        now=desk.now,
    )
    assert send(elise, page, "step", {"move": "send", "file": upload()}).status_code == 302
    assert measure_of(desk, measure.report_id).state is MeasureState.SENT
    assert elise.get(file_of(elise, page)).content == CONTENT
    overseer = sign_in("gabrielle")
    seen = body(overseer.get(f"/fr/oversight/measures/{measure.id}/"))
    assert DIGEST in seen
    assert "accusé.html" in seen
    assert overseer.get(LINK.findall(seen)[0]).content == CONTENT


def _warned(web: Client, page: str) -> dict[str, str]:
    found = re.search(r'name="seen" value="([^"]*)"', body(web.get(page)))
    return {"seen": found[1], "reason": "checked again today"} if found else {}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (upload(content=b"x" * (MAX_FILE + 1)), "dépasse 10\u00a0Mo"),
        (upload(content=b""), "Le fichier est vide"),
    ],
    ids=["large", "empty"],
)
def test_a_refused_file_loses_nothing_of_what_was_typed(
    desk: Desk, sign_in: SignIn, file: SimpleUploadedFile, said: str
) -> None:
    driss, page = ready(desk, sign_in)
    form = {"move": "send", "proof": "Bordereau <12>", "at": "2026-11-21T10:15", "file": file}
    answer = send(driss, page, "move", form)
    assert answer.status_code == 409
    shown = body(answer)
    assert said in shown
    assert 'value="Bordereau &lt;12&gt;"' in shown
    assert 'value="2026-11-21T10:15"' in shown
    assert '<option value="send" selected>' in shown
    assert LINK.findall(body(driss.get(page))) == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("<img src=x onerror=alert(1)>.svg", "&lt;img src=x onerror=alert(1)&gt;.svg"),
        ("annexe\u202egnp.exe", "annexegnp.exe"),
        ("x" * 2000 + ".pdf", "xxx.pdf"),
        ("a; filename=b.exe", "a; filename=b.exe"),
    ],
)
def test_a_hostile_name_is_harmless(desk: Desk, sign_in: SignIn, name: str, kept: str) -> None:
    driss, page = sent(desk, sign_in, file=upload(name))
    shown = body(driss.get(page))
    assert kept in shown
    assert "\u202e" not in shown
    answer = driss.get(file_of(driss, page))
    assert answer["Content-Type"] == "application/octet-stream"
    header = answer["Content-Disposition"]
    assert header.startswith("attachment;")
    assert len(header) < 800
    assert "\u202e" not in header
    assert answer.content == CONTENT


@pytest.mark.parametrize("times", [1, 40_000], ids=["in a pack", "in a file"])
def test_no_file_reaches_the_disk_in_clear(desk: Desk, sign_in: SignIn, times: int) -> None:
    sent(desk, sign_in, file=upload(content=CONTENT * times))
    files = [one for one in keyring.current().vault_folder.rglob("*") if one.is_file()]
    assert files
    assert [one for one in files if b"alert(1)" in one.read_bytes()] == []


def test_a_file_of_another_field_is_discarded(desk: Desk, sign_in: SignIn) -> None:
    driss, page = ready(desk, sign_in)
    form = {"move": "send", "proof": "Receipt 12", "other": upload()}
    assert send(driss, page, "move", form).status_code == 302
    assert DIGEST not in body(driss.get(page))


def test_whoever_may_not_read_the_act_gets_no_file(desk: Desk, sign_in: SignIn) -> None:
    driss, page = sent(desk, sign_in)
    address = file_of(driss, page)
    assert sign_in("elise").get(address).status_code == 403
    assert Client().get(address).status_code == 302
    gone = driss.get(f"{page}proof/{'0' * 8}-0000-4000-8000-{'0' * 12}/")
    assert gone.status_code == 410
    assert "le fichier a expiré" in body(gone)


def test_an_expired_file_is_gone_and_its_digest_stays(desk: Desk, sign_in: SignIn) -> None:
    driss, page = sent(desk, sign_in, proof="Bordereau 12")
    address = file_of(driss, page)
    (act,) = acts.list_acts(actor=desk.actor("driss"), lifecycle=REFERRAL)
    with as_worker():
        erase_words(actor=system_actor("expiry"), kind="referral", act_ids=[act.id], now=desk.now)
    shown = body(driss.get(page))
    assert "Fichier expiré" in shown
    assert DIGEST in shown
    assert "accusé.html" not in shown
    assert "Bordereau" not in shown
    assert driss.get(address).status_code == 410
