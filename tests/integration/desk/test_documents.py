"""Documents of reports and dossiers: who may take them out, what the ledger says, what they never hold."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.analyse import queries as analysed
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.intake.queries.envelopes import report_number
from fanal.kernel.actors import system_actor
from fanal.ledger import operations as ledgered, queries as ledger
from fanal.reference import label
from fanal.web.documents import MOST_ROWS, table
from tests.integration.desk.story import MATERIAL, Desk, add_reports, run_stages
from tests.integration.desk.test_act_documents import run, words
from tests.integration.desk.test_identity import NAME, entries, named
from tests.integration.desk.test_stated import received
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PURPOSE = "Audience du 3 décembre, cabinet du juge."
FORMATS = ("pdf", "text", "print")
__all__ = ["named"]


def pages(desk: Desk, *, lang: str = "fr") -> dict[str, str]:
    """The documents of a report and of its dossier."""
    report = desk.reports["danger"]
    dossier = dossier_of(actor=desk.actor("ana"), report_id=report)
    assert dossier is not None
    return {
        "report": f"/{lang}/desk/reports/{report}/document/",
        "dossier": f"/{lang}/desk/dossiers/{dossier}/document/",
    }


def id_of(page: str) -> UUID:
    return UUID(page.split("/")[4])


def take(web: Client, page: str, format_: str = "text", motive: str = PURPOSE):
    return web.post(page, {"format": format_, "motive": motive})


def last_export(kind: str, object_id: UUID):
    found = ledger.entries_of(actor=system_actor("test"), object_id=object_id, limit=50)
    return [one for one in found if one.action == f"{kind}.export"]


def recorded_with(kind: str, object_id: UUID, report_id: UUID, data: bytes) -> None:
    """The entry has the purpose, and a keyed digest that confirms the data of a document that is shown."""
    (entry,) = last_export(kind, object_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT motive FROM ledger_motive WHERE entry_id = %s", [entry.id])
        assert cursor.fetchone() == (PURPOSE,)
        cursor.execute(
            "SELECT kind, object_id, digest FROM ledger_object WHERE entry_id = %s",
            [entry.id],
        )
        objects = {row[:2]: row[2] for row in cursor.fetchall()}
    assert dict(entry.detail) == {"format": "PDF"}
    digest = ledgered.keyed_digest(kind=kind, object_id=object_id, content=data)
    assert bytes(objects[kind, object_id]) == digest
    assert ("report", report_id) in objects
    assert (len(objects) > 1) is (kind == "dossier")


@pytest.mark.parametrize("name", ["ana", "claire", "driss", "elise"])
def test_who_reads_takes_it_out_with_a_purpose(desk: Desk, sign_in: SignIn, name: str) -> None:
    web = sign_in(name)
    for kind, page in pages(desk).items():
        shown = web.get(page.removesuffix("document/")).content.decode()
        assert f'action="{page}"' in shown
        assert page.replace("/fr/", "/en/") in shown
        for number, format_ in enumerate(FORMATS, 1):
            answer = take(web, page, format_)
            assert answer.status_code == 200
            assert "no-store" in answer["Cache-Control"]
            made = last_export(kind, id_of(page))
            assert len(made) == number
            assert made[0].actor_id == desk.actor(name).person_id


@pytest.mark.parametrize("name", ["gabrielle", "hugo", "yann"])
def test_nobody_else_takes_anything(desk: Desk, sign_in: SignIn, name: str) -> None:
    for kind, page in pages(desk).items():
        assert take(sign_in(name), page).status_code in {403, 404}
        assert last_export(kind, id_of(page)) == []


@pytest.mark.parametrize("motive", ["", "  ", "\u2800\u3164"])
def test_without_a_purpose_nothing_leaves(desk: Desk, sign_in: SignIn, motive: str) -> None:
    web = sign_in("ana")
    web.post("/fr/account/motive/", {"motive": "Astreinte"})
    for kind, page in pages(desk).items():
        refused = take(web, page, motive=motive)
        assert refused.status_code == 422
        assert "Indiquez le motif" in refused.content.decode()
        assert last_export(kind, id_of(page)) == []
        assert web.get(page).status_code == 405
        for format_ in ("machine", "docx", ""):
            assert take(web, page, format_).status_code == 404


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("kind", ["report", "dossier"])
def test_the_pdf_is_tagged_dated_signed_and_confidential(
    desk: Desk, sign_in: SignIn, lang: str, kind: str, tmp_path: Path
) -> None:
    page = pages(desk, lang=lang)[kind]
    answer = take(sign_in("driss"), page, "pdf")
    name = {"report": report_number(report_id=id_of(page)), "dossier": id_of(page)}[kind]
    file = f"fanal-{kind}-{name}-{lang}.pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{file}"'
    pdf = answer.content
    assert f"/Lang({lang})".encode() in pdf
    for part in (b"pdfuaid:part>1<", b"pdfaid:part>3<", b"/Marked true"):
        assert part in pdf
    place = tmp_path / "document.pdf"
    place.write_bytes(pdf)
    run("qpdf", "--check", place)
    facts = run("pdfinfo", place)
    assert re.search(r"Tagged:\s+yes", facts)
    title = {"report": ("Signalement", "Report"), "dossier": ("Dossier", "Dossier")}[kind]
    assert re.search(rf"Title:\s+{title[lang == 'en']} {name}", facts)
    run("pdfdetach", "-save", "1", "-o", tmp_path / "data.json", place)
    data = (tmp_path / "data.json").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert json.loads(data)["id"] == str(id_of(page))
    recorded_with(kind, id_of(page), desk.reports["danger"], data)
    sides = [side for side in run("pdftotext", "-raw", place, "-").split("\f") if side.strip()]
    mark = {"fr": "CONFIDENTIEL – secret", "en": "CONFIDENTIAL – professional"}[lang]
    for number, side in enumerate(sides, 1):
        assert mark in side
        assert f"SHA-256 {digest} {number} / {len(sides)}" in words(side)
    maker = {"fr": "par Driss", "en": "by Driss"}[lang]
    assert maker in words(sides[0])
    assert "<" not in words(sides[0])


def test_a_report_says_what_its_page_says(desk: Desk, sign_in: SignIn) -> None:
    decided(desk)
    report = desk.reports["material"]
    text = take(sign_in("driss"), f"/fr/desk/reports/{report}/document/").content.decode()
    for said in (
        "Un album ouvert à tous",
        "hxxps[:]//pictures[.]example/album/12",
        "album[@]mail[.]example",
        "triangle-bleu",
        hashlib.sha256(b"triangle").hexdigest(),
        "read twice",
        "203.0.113.9",
        report_number(report_id=report),
        "REF-material",
    ):
        assert said in text, said
    assert "https://" not in text
    chat = f"/en/desk/reports/{desk.reports['danger']}/document/"
    text = take(sign_in("driss"), chat).content.decode()
    for said in (
        "The report says that a child is in danger now.",
        "On se retrouve samedi",
        "12 years old",
    ):
        assert said in text, said


def test_no_passage_of_another_text_leaves_with_a_report(desk: Desk, sign_in: SignIn) -> None:
    """A signal says that the text is like an example; the example's words stay. Parts without points too."""
    report = desk.reports["danger"]
    asked = {"actor": desk.actor("driss"), "report_ids": [report]}
    examples = {
        str(finding.because.parameters["example"])
        for finding in analysed.get_analyses(**asked)[report].findings
        if "example" in finding.because.parameters
    }
    unpaid = {one.code for one in analysed.get_priorities(**asked)[report].parts if not one.points}
    assert examples
    assert unpaid
    text = take(sign_in("driss"), f"/en/desk/reports/{report}/document/").content.decode()
    assert "is like labelled examples" in text
    assert [words for words in (*examples, *unpaid) if words in text] == []


@pytest.mark.parametrize("name", ["ana", "driss", "elise"])
def test_no_document_says_who_reported(desk: Desk, sign_in: SignIn, named: UUID, name: str) -> None:
    """Not even for those who may open the identity: that is an act of its own, shown once."""
    page = f"/fr/desk/reports/{named}/document/"
    web = sign_in(name)
    for format_ in FORMATS:
        answer = take(web, page, format_)
        assert answer.status_code == 200
        for secret in (NAME, "Sealed-Name", "camille@mail.example", "camille[@]mail"):
            assert secret.encode() not in answer.content
    assert entries("identity.open", named) == 0


@pytest.mark.parametrize("stated", ["CHILD", "PARENT", "PROFESSIONAL"])
def test_no_document_says_what_the_reporter_is_to_the_child(
    desk: Desk, sign_in: SignIn, stated: str
) -> None:
    """There is one child in the report, and who is suspected knows them; points for it would say it too."""
    code = f"REPORTER_IS_{stated}"
    told = {"whom": stated, "danger": "UNKNOWN", "description": "Une page de cartes postales."}
    page, web = f"/fr/desk/reports/{received(told, desk)}/", sign_in("driss")
    run_stages(desk.now)
    said = label("because", code, "fr")
    assert said in web.get(page).content.decode()
    for format_ in ("text", "print"):
        text = take(web, f"{page}document/", format_).content.decode()
        assert said not in text
        assert code not in text
        assert "ne sait pas si un enfant est en danger maintenant" in text
        assert not re.search(r"\+20 \| –$", text, re.MULTILINE), "a row without its reason tells it"
    pdf = take(web, f"{page}document/", "pdf").content
    assert code.encode() not in pdf


def test_the_words_of_a_report_are_quoted(desk: Desk, sign_in: SignIn) -> None:
    """A stranger's line looks like no part of the desk's own."""
    hostile = "Récit.\n\nDécision du 1er décembre 2026\u2028Décision : Aucune suite"
    add_reports(
        desk, [("odd", 30, MATERIAL | {"description": hostile, "platform": "Blocks\nPar : Claire"})]
    )
    text = take(sign_in("ana"), f"/fr/desk/reports/{desk.reports['odd']}/document/")
    lines = text.content.decode().splitlines()
    for said in ("Récit.", "Décision du 1er décembre 2026", "Décision : Aucune suite"):
        assert f"> {said}" in lines
        assert said not in lines
    assert not [line for line in lines if line.startswith("Par")]


def test_many_places_and_addresses_print_the_first_ones(desk: Desk, sign_in: SignIn) -> None:
    many = MOST_ROWS + 3
    places = [{"role": "PERSON", "locality": f"Ville {n}"} for n in range(many)]
    addresses = [f"https://a{n}.example/" for n in range(many)]
    add_reports(desk, [("many", 30, MATERIAL | {"places": places, "urls": addresses})])
    page = f"/fr/desk/reports/{desk.reports['many']}/document/"
    text = take(sign_in("ana"), page).content.decode()
    for found in (re.findall(r"Ville \d+", text), re.findall(r"Adresse\u00a0: .*a\d+\[", text)):
        assert len(found) == MOST_ROWS
    assert text.count(f"{MOST_ROWS} sur {many}") >= 2


def test_notes_and_answers_of_the_reporter_stay(desk: Desk, sign_in: SignIn) -> None:
    web, report = sign_in("ana"), desk.reports["danger"]
    web.post(f"/fr/desk/reports/{report}/note/", {"words": "Un brouillon à nous"})
    text = take(web, f"/fr/desk/reports/{report}/document/").content.decode()
    assert "Un brouillon à nous" not in text
    assert "Absents de ce document" in text


def test_a_text_that_names_its_author_stands_and_the_document_says_so(
    desk: Desk, sign_in: SignIn
) -> None:
    told = {"whom": "PARENT", "contact": "CONTACT", "your_name": NAME, "danger": "NO"}
    told |= {"description": f"Je suis {NAME}.", "conversation": f"{NAME}: bonjour"}
    page, web = f"/fr/desk/reports/{received(told, desk)}/", sign_in("driss")
    run_stages(desk.now)
    text = take(web, f"{page}document/").content.decode()
    assert f"> Je suis {NAME}." in text
    assert "peuvent nommer leur auteur" in " ".join(text.split())
    assert "peuvent nommer leur auteur" in " ".join(web.get(page).content.decode().split())


def test_what_another_desk_holds_stays_there(desk: Desk, sign_in: SignIn) -> None:
    """A dossier across desks names the other desk alone: no reference, no value, no report of its own."""
    add_reports(
        desk,
        [("west", 60, {"kind": "GROOMING", "description": "Le secret de l’ouest", "channel": "GAME",
            "persons": [{"role": "SUSPECT", "handles": [{"value": "renard_77", "platform": "arcadia"}],
                "emails": ["ouest@mail.example"]}]})],
        desk_id=2,
    )  # fmt: skip
    text = take(sign_in("ana"), pages(desk)["dossier"]).content.decode()
    for secret in (
        "REF-west",
        report_number(report_id=desk.reports["west"]),
        "ouest[@]mail",
        "ouest@mail",
        "secret",
    ):
        assert secret not in text.replace("secret professionnel", ""), secret
    assert str(desk.reports["west"]) not in text
    if "Antenne Ouest" in sign_in("ana").get(pages(desk)["dossier"][:-9]).content.decode():
        assert "Antenne Ouest" in text


def test_text_of_strangers_stays_text(desk: Desk, sign_in: SignIn) -> None:
    hostile = "#sys.version <script>alert(1)</script> \u202egpj.exe"
    add_reports(desk, [("odd", 30, MATERIAL | {"description": hostile, "platform": hostile})])
    page = f"/fr/desk/reports/{desk.reports['odd']}/document/"
    for format_ in FORMATS:
        answer = take(sign_in("ana"), page, format_)
        assert answer.status_code == 200
        assert "\u202e".encode() not in answer.content
        assert b"<script>alert" not in answer.content or format_ == "text"


def test_an_erased_report_gives_none(desk: Desk, sign_in: SignIn) -> None:
    assert take(sign_in("ana"), f"/fr/desk/reports/{uuid4()}/document/").status_code == 404


def test_a_long_table_prints_its_first_lines_and_says_so() -> None:
    rows = [(str(n), "b") for n in range(MOST_ROWS + 3)]
    (part,) = table("Heading", ("N", "B"), rows)
    assert (part.rows, part.header) == (tuple(rows[:MOST_ROWS]), ("N", "B"))
    assert [line for line in part.lines if f"{MOST_ROWS}" in line and f"{len(rows)}" in line]
    (part,) = table("Heading", ("N", "B"), rows[:MOST_ROWS], count=2003)
    assert "2003" in part.lines[0]
    assert table("Heading", ("N", "B"), rows[:MOST_ROWS])[0].lines == ()
    assert table("Heading", ("N", "B"), []) == ()
