"""Documents of every kind of act: PDF, print view, text and exact bytes; recorded, and marked while a draft."""

import hashlib
import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from fanal.casework import queries as acts
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.judicial import queries as judged
from fanal.judicial.domain.kinds import REFERRAL, SHEET
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL
from fanal.kernel.actors import system_actor
from fanal.ledger import queries as ledger
from fanal.measures.notice.kind import NOTICE
from fanal.measures.removal.kind import REMOVAL
from tests.integration.desk import test_earlier_forms as drafts
from tests.integration.desk.story import HOST, MATERIAL, Desk, add_reports
from tests.integration.desk.work import decided, send
from tests.integration.statistics.test_yearly import outline
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
Drafted = Callable[[Desk, SignIn], str]
HOSTILE = "#sys.version [x](y) *a* $b$ \\ <script>alert(1)</script> `c` @d 日本語 😀 العربية \u202egpj.exe"
KINDS = {one.kind: one for one in (REFERRAL, SHEET, NOTICE, REMOVAL, EMERGENCY_CALL)}


def referral(desk: Desk, sign_in: SignIn) -> str:
    return drafts.referral(desk, sign_in)[2]


def sheet(desk: Desk, sign_in: SignIn) -> str:
    return drafts.sheet(desk, sign_in)[2]


def measure(desk: Desk, sign_in: SignIn) -> str:
    return f"/fr/desk/measures/{drafts.measure_of(desk, decided(desk)).id}/"


def call(desk: Desk, sign_in: SignIn) -> str:
    answer = sign_in("ana").post(f"/fr/desk/reports/{desk.reports['danger']}/call/")
    assert answer.status_code == 302
    return str(answer["Location"])


ALL = pytest.mark.parametrize("drafted", [referral, sheet, drafts.notice, measure, call])
READERS = {
    "referrals": "driss", "sheets": "driss", "notices": "claire", "measures": "claire", "calls": "ana",
}  # fmt: skip


def reader(sign_in: SignIn, page: str) -> Client:
    return sign_in(READERS[page.split("/")[3]])


def id_of(page: str) -> UUID:
    return UUID(page.split("/")[4])


def content_of(desk: Desk, page: str, lifecycle: Lifecycle) -> bytes:
    found = acts.get_act(actor=desk.actor("claire"), lifecycle=lifecycle, act_id=id_of(page))
    found = found or acts.get_act(
        actor=desk.actor("driss"), lifecycle=lifecycle, act_id=id_of(page)
    )
    assert found is not None
    assert found.content is not None
    return found.content


def exports(page: str) -> list[str]:
    entries = ledger.entries_of(actor=system_actor("test"), object_id=id_of(page), limit=50)
    return [one.action for one in entries if one.action.endswith(".export")]


def run(tool: str, *arguments: str | Path) -> str:
    """Run a PDF tool, or skip the test where it is missing."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (qpdf, poppler-utils)")
    done = subprocess.run([tool, *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def words(text: str) -> str:
    return " ".join(text.split())


@ALL
def test_each_form_of_the_document_is_served_recorded_and_not_kept(
    desk: Desk, sign_in: SignIn, drafted: Drafted
) -> None:
    page = drafted(desk, sign_in)
    client = reader(sign_in, page)
    shown = client.get(page).content.decode()
    kind = client.get(page).context["act"].kind
    content = content_of(desk, page, KINDS[kind])
    digest = hashlib.sha256(content).hexdigest()
    assert digest in shown
    forms = {
        "pdf": ("application/pdf", f"fanal-{kind}-{id_of(page)}-fr.pdf"),
        "text": ("text/plain; charset=utf-8", f"fanal-{kind}-{id_of(page)}-fr.txt"),
        "machine": ("application/json", f"fanal-{kind}-{id_of(page)}.json"),
        "print": ("text/html; charset=utf-8", ""),
    }
    for number, (form, (media, name)) in enumerate(forms.items(), 1):
        assert f"{page}{form}/" in shown
        answer = client.get(f"{page}{form}/")
        assert (answer.status_code, answer["Content-Type"]) == (200, media)
        assert answer.get("Content-Disposition", "") == (
            f'attachment; filename="{name}"' * bool(name)
        )
        assert "no-store" in answer["Cache-Control"]
        assert exports(page) == [f"{kind}.export"] * number
        for text in (digest, str(id_of(page)), "BROUILLON – non transmis"):
            assert form in {"pdf", "machine"} or text in answer.content.decode()
        if form == "machine":
            assert answer.content == content
        if form == "print":
            assert b"<nav" not in answer.content
    assert page.replace("/fr/", "/en/") + "pdf/" in shown


@ALL
def test_strangers_and_other_desks_take_nothing(
    desk: Desk, sign_in: SignIn, drafted: Drafted
) -> None:
    page = drafted(desk, sign_in)
    for form in ("pdf", "text", "machine", "print"):
        assert sign_in("hugo").get(f"{page}{form}/").status_code == 403
        assert sign_in("yann").get(f"{page}{form}/").status_code in {403, 404}
        assert sign_in("driss").get(f"{page[:-37]}{UUID(int=5)}/{form}/").status_code in {403, 404}
    assert exports(page) == []


@pytest.mark.parametrize("lang", ["fr", "en"])
@ALL
def test_the_pdf_is_tagged_whole_and_the_same_each_time(
    desk: Desk, sign_in: SignIn, drafted: Drafted, lang: str, tmp_path: Path
) -> None:
    page = drafted(desk, sign_in).replace("/fr/", f"/{lang}/")
    client = reader(sign_in, page)
    pdf = client.get(f"{page}pdf/").content
    assert pdf == client.get(f"{page}pdf/").content
    assert f"/Lang({lang})".encode() in pdf
    for part in (b"pdfuaid:part>1<", b"pdfaid:part>3<", b"/Marked true"):
        assert part in pdf
    file = tmp_path / "act.pdf"
    file.write_bytes(pdf)
    run("qpdf", "--check", file)
    facts = run("pdfinfo", file)
    assert re.search(r"Tagged:\s+yes", facts)
    assert re.search(rf"Title:\s+\S.* {id_of(page)}", facts)
    run("pdfdetach", "-save", "1", "-o", tmp_path / "act.json", file)
    assert (tmp_path / "act.json").read_bytes() == client.get(f"{page}machine/").content
    sides = [
        side.strip().split("\n") for side in run("pdftotext", "-raw", file, "-").split("\f") if side
    ]
    assert re.search(rf"Pages:\s+{len(sides)}\n", facts)
    mark = {"fr": "BROUILLON – non transmis", "en": "DRAFT – not sent"}[lang]
    for side in sides:
        assert str(id_of(page)) in side[0]
        assert side[1].startswith(mark)
        assert re.fullmatch(rf"SHA-256 [0-9a-f]{{64}} \d / {len(sides)}", side[-1])
    printed = re.sub(r"\s", "", "".join([sides[0][1], *("".join(side[2:-1]) for side in sides)]))
    text = client.get(f"{page}text/").content.decode()
    for sentence in re.findall(r"[\w’ ,-]{12,40}", text):
        assert re.sub(r"\s", "", sentence) in printed, sentence


def test_an_approved_act_is_no_draft_and_names_its_approval(
    desk: Desk, sign_in: SignIn, tmp_path: Path
) -> None:
    page = measure(desk, sign_in)
    elise = sign_in("elise")
    assert "seconde personne" not in elise.get(f"{page}text/").content.decode()
    assert send(elise, page, "approve").status_code == 302
    found = acts.get_act(actor=desk.actor("elise"), lifecycle=REMOVAL, act_id=id_of(page))
    assert found is not None
    (approval,) = found.approvals
    machine = elise.get(f"{page}machine/").content
    assert hashlib.sha256(machine).digest() == approval.digest
    shown = elise.get(page).content.decode()
    assert (
        shown.count(f"<code>{approval.digest.hex()}</code>") == 2
    )  # of the approval, of the bytes
    text = elise.get(f"{page}text/").content.decode()
    assert "BROUILLON" not in text
    assert re.search(r"Validation\s: par une seconde personne, le .+ sur les octets", text)
    file = tmp_path / "act.pdf"
    file.write_bytes(elise.get(f"{page}pdf/").content)
    printed = words(run("pdftotext", "-raw", file, "-"))
    assert "BROUILLON" not in printed
    assert approval.digest.hex() in printed
    assert "Validée, à envoyer" in printed
    # Withdrawn, it is a draft again, and names no approval.
    assert send(sign_in("ana"), page, "withdraw").status_code == 302
    text = elise.get(f"{page}text/").content.decode()
    assert ("BROUILLON" in text, "seconde personne" in text) == (True, False)


def test_text_of_strangers_stays_text(desk: Desk, sign_in: SignIn, tmp_path: Path) -> None:
    address = f"https://{HOST}/" + "%23a[b]*c*" * 1000
    add_reports(desk, [("odd", 30, MATERIAL | {"urls": [address]})])
    report_id = decided(desk, "odd")
    (found,) = judged.referrals_of(actor=desk.actor("driss"), report_ids=[report_id])[report_id]
    page, driss = f"/fr/desk/referrals/{found.id}/", sign_in("driss")
    said = {"body": found.body, "summary": f"{HOSTILE} {address}\n\n9. Faux titre\n= Autre"}
    assert send(driss, page, "amend", said).status_code == 302
    text = driss.get(f"{page}text/").content.decode()
    assert f"{HOSTILE} {address}".replace("\u202e", "⟨U+202E⟩") in text
    assert "\u202e" not in text
    view = driss.get(f"{page}print/").content.decode()
    assert "<script>alert" not in view
    assert html.escape("<script>alert(1)</script>") in view
    assert "⟨U+202E⟩gpj.exe" in view
    file = tmp_path / "act.pdf"
    file.write_bytes(driss.get(f"{page}pdf/").content)
    assert "9. Faux titre" not in outline(file.read_bytes())
    printed = words(run("pdftotext", "-raw", file, "-"))
    assert "#sys.version [x](y) *a* $b$ \\ <script>alert(1)</script> `c` @d" in printed
    for code in (
        "⟨U+65E5 U+672C U+8A9E⟩",
        "⟨U+1F600⟩",
        "U+202E⟩",
        "écrits par leur numéro Unicode",
    ):
        assert code in printed
    assert re.sub(r"\s", "", printed).count("*c*") == text.count("*c*")
    assert json.loads(driss.get(f"{page}machine/").content)["summary"].startswith(HOSTILE)


def test_expired_documents_are_gone(desk: Desk, sign_in: SignIn) -> None:
    page = referral(desk, sign_in)
    with as_worker(), connection.cursor() as cursor:
        cursor.execute("SELECT casework_erase_words(ARRAY[%s::uuid])", [id_of(page)])
    driss = sign_in("driss")
    assert "/pdf/" not in driss.get(page).content.decode()
    for form in ("pdf", "text", "machine", "print"):
        assert driss.get(f"{page}{form}/").status_code == 404
