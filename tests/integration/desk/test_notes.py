"""Notes: append-only, read within reach, journaled, and gone in words when their report expires."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.operations.batch import erase
from fanal.orient.operations.notes import note_report
from tests.integration.desk.story import WORKER, Desk
from tests.refusals import NO_RIGHT, database_refuses

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
WORDS = "Rappelé la plateforme : elle garde les échanges quarante jours."


def rows(action: str) -> int:
    """How many entries of an action the ledger holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = %s", [action])
        return int(cursor.fetchone()[0])


def test_a_note_is_written_read_and_found_by_the_desk_alone(desk: Desk, sign_in: SignIn) -> None:
    page = f"/fr/desk/reports/{desk.reports['stream']}/"
    assert sign_in("ana").post(f"{page}note/", {"words": f"  {WORDS} "}).status_code == 302
    assert rows("note.write") == 1
    assert WORDS in sign_in("bruno").get(page).content.decode()
    assert rows("note.read") == 1
    found = sign_in("bruno").get("/fr/desk/search/?q=ECHANGES+plateforme").content.decode()
    assert WORDS in found
    assert page in found
    assert rows("note.read") == 2
    assert WORDS not in sign_in("yann").get("/fr/desk/search/?q=echanges").content.decode()
    assert sign_in("yann").post(f"{page}note/", {"words": "x"}).status_code == 404
    for name in ("hugo", "gabrielle"):
        assert sign_in(name).post(f"{page}note/", {"words": "x"}).status_code == 403
    assert rows("note.read") == 2


@pytest.mark.parametrize("words", ["", "   ", "x" * 10_001, "a\0b", "\ud800"])
def test_what_cannot_be_kept_is_refused(desk: Desk, words: str) -> None:
    with pytest.raises(Refusal):
        note_report(
            actor=desk.actor("ana"), report_id=desk.reports["stream"], words=words, now=desk.now
        )


def test_a_refused_note_comes_back(desk: Desk, sign_in: SignIn) -> None:
    page = f"/en/desk/reports/{desk.reports['stream']}/note/"
    answer = sign_in("ana").post(page, {"words": "long " * 2001})
    assert answer.status_code == 422
    assert "long long long" in answer.content.decode()
    assert rows("note.write") == 0


def test_a_note_on_a_dossier_follows_its_reports(desk: Desk, sign_in: SignIn) -> None:
    dossier = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    page = f"/en/desk/dossiers/{dossier}/"
    assert sign_in("driss").post(f"{page}note/", {"words": WORDS}).status_code == 302
    body = sign_in("ana").get(page).content.decode()
    assert WORDS in body
    assert (
        WORDS
        not in sign_in("ana").get(f"/en/desk/reports/{desk.reports['danger']}/").content.decode()
    )
    (note,) = oriented.notes_of(
        actor=desk.actor("ana"), report_ids=[desk.reports["again"]], dossier=True
    )
    assert desk.reports["danger"] in note.report_ids, "whichever of its reports asks"
    assert sign_in("yann").post(f"{page}note/", {"words": "x"}).status_code == 404


def test_no_note_changes_or_goes(desk: Desk) -> None:
    actor = desk.actor("ana")
    note_report(actor=actor, report_id=desk.reports["stream"], words=WORDS, now=desk.now)
    for attack in (
        "UPDATE orient_note SET author_id = gen_random_uuid()",
        "DELETE FROM orient_note",
        "TRUNCATE orient_note CASCADE",
        "UPDATE orient_note_words SET words = 'other'",
        "DELETE FROM orient_note_words",
    ):
        with database_refuses(NO_RIGHT), connection.cursor() as cursor:
            cursor.execute(attack)


@pytest.mark.role("worker")
def test_expiry_takes_the_words_and_leaves_the_row(desk: Desk) -> None:
    actor, report_id = desk.actor("ana"), desk.reports["stream"]
    note_report(actor=actor, report_id=report_id, words=WORDS, now=desk.now)
    assert erase(actor=WORKER, report_ids=[report_id]) == 1
    (note,) = oriented.notes_of(actor=actor, report_ids=[report_id])
    assert note.words is None
    assert note.author_id == actor.person_id
    assert oriented.search_notes(actor=actor, text="plateforme") == ()
