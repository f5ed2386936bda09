"""Suggested links at the desk: put to a person with their reasons, answered with a motive, gone once answered."""

from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest
from django.test import Client

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.crosscheck.similar.domain.suggestions import SuggestionState
from fanal.crosscheck.similar.operations.near import renew_near
from fanal.crosscheck.similar.queries import list_suggestions, suggestions_of
from fanal.kernel.actors import system_actor
from tests.integration.desk.story import Desk, add_reports
from tests.integration.desk.test_pages import rows

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
_PERSON = {"kind": "GROOMING", "persons": [{"role": "SUSPECT", "phones": ["+33139981111"]}]}


@pytest.fixture
def pair(desk: Desk) -> tuple[UUID, UUID]:
    """Two reports with one landline: half certain, since a household shares it."""
    add_reports(desk, [("number-1", 60, dict(_PERSON)), ("number-2", 30, dict(_PERSON))])
    return desk.reports["number-2"], desk.reports["number-1"]


def state_of(desk: Desk, pair: tuple[UUID, UUID]) -> SuggestionState:
    found = suggestions_of(actor=desk.actor("ana"), report_id=pair[0])
    return next(s.state for s in found if s.other_id == pair[1])


def test_a_suggestion_is_answered(desk: Desk, sign_in: SignIn, pair: tuple[UUID, UUID]) -> None:
    web = sign_in("ana")
    body = web.get("/fr/desk/suggestions/").content.decode()
    assert "+33139981111" in body
    assert "poids 0,55" in body
    assert rows("report.list", pair[0]) == 1
    path = f"/fr/desk/reports/{pair[0]}/suggestion/"
    for wrong in (
        {"answer": "REJECT", "other": str(pair[1]), "motive": " "},
        {"answer": "PERHAPS", "other": str(pair[1]), "motive": "x"},
        {"answer": "REJECT", "other": "nobody", "motive": "x"},
    ):
        web.post(path, wrong)
        assert state_of(desk, pair) is SuggestionState.OPEN
    said = {"answer": "REJECT", "other": str(pair[1]), "motive": "another member of the household"}
    assert sign_in("yann").post(path, said).status_code == 404
    answer = web.post(path, said | {"from": "report"})
    assert answer.url == f"/fr/desk/reports/{pair[0]}/"
    assert state_of(desk, pair) is SuggestionState.REJECTED
    assert "+33139981111" not in web.get("/fr/desk/suggestions/").content.decode()
    assert "Écartée" in web.get(answer.url).content.decode()


@pytest.fixture
def stranger(desk: Desk) -> UUID:
    """A report with the landline of a person whom three other reports name by mailbox and number."""
    phone = {"role": "SUSPECT", "phones": ["+33139982222"]}
    known = {"kind": "GROOMING", "persons": [phone | {"emails": ["known@mail.test"]}]}
    add_reports(
        desk,
        [
            *((f"known-{n}", 60 - n, dict(known)) for n in range(3)),
            ("stranger", 30, {"kind": "GROOMING", "persons": [dict(phone)]}),
        ],
    )
    return desk.reports["stranger"]


@pytest.mark.parametrize("said", ["REJECT", "ACCEPT"])
def test_pairs_between_the_same_two_are_one_question(
    desk: Desk, sign_in: SignIn, stranger: UUID, said: str
) -> None:
    web = sign_in("ana")
    actor = desk.actor("ana")
    waiting = [one for one in list_suggestions(actor=actor) if one.report_id == stranger]
    assert len(waiting) == 3
    body = web.get("/fr/desk/suggestions/").content.decode()
    assert body.count("+33139982222") >= 3
    assert body.count('<form method="post" action="/fr/desk/reports/' + str(stranger)) == 1
    assert "2 autres paires entre les deux mêmes" in body
    assert "2 more pairs between the same two" in web.get("/en/desk/suggestions/").content.decode()
    first, *also = waiting
    path = f"/fr/desk/reports/{stranger}/suggestion/"
    answer = {
        "answer": said,
        "other": str(first.other_id),
        "also": [f"{one.report_id}~{one.other_id}" for one in also],
        "motive": "seen on the pages of all",
    }
    web.post(path, answer | {"also": ["no pair"]})
    web.post(path, answer | {"also": [f"{stranger}~{UUID(int=5)}"], "answer": "REJECT"})
    assert {state_of(desk, (stranger, one.other_id)) for one in waiting} == {SuggestionState.OPEN}
    web.post(path, answer)
    states = [state_of(desk, (stranger, one.other_id)) for one in waiting if said == "REJECT"]
    assert states == [SuggestionState.REJECTED] * len(states)
    assert "+33139982222" not in web.get("/fr/desk/suggestions/").content.decode()
    dossiers = {dossier_of(actor=actor, report_id=end) for end in (stranger, first.other_id)}
    assert len(dossiers) == (1 if said == "ACCEPT" else 2)


def test_pages_of_suggestions_refuse_what_is_no_place(sign_in: SignIn) -> None:
    web = sign_in("ana")
    for bad in ("x", "1~2~3", "nan~~"):
        assert web.get("/en/desk/suggestions/", {"below": bad}).status_code == 404
    assert sign_in("hugo").get("/en/desk/suggestions/").status_code == 403


@pytest.mark.role("worker")  # which alone looks for what is near
def test_what_is_near_is_told_on_the_report_and_in_the_list(desk: Desk, sign_in: SignIn) -> None:
    luck = Random(1)
    text = ["".join(luck.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(40)]
    picture = luck.randbytes(32)
    near = bytes([picture[0] ^ 7, *picture[1:]])
    page = "https://{}.test/gallery/8842/view"
    add_reports(
        desk,
        [
            (
                f"near-{n}",
                60 - n,
                {
                    "kind": "OTHER",
                    "description": " ".join([*text, "un" * n]),
                    "urls": [page.format(host)],
                    "files": [{"pdq": pdq.hex()}],
                    "persons": [
                        {
                            "role": "SUSPECT",
                            "handles": [{"platform": "Chatline", "value": name}],
                            "birth_date": f"198{n}-02-03",  # else so much that is near joins them
                        }
                    ],
                },
            )
            for n, (host, pdq, name) in enumerate(
                (("one", picture, "darkwolf4471"), ("two", near, "darkwofl4471")), 1
            )
        ],
    )
    while renew_near(actor=system_actor("test"), now=desk.now):
        pass
    web = sign_in("ana")
    one = desk.reports["near-2"]
    for path in ("desk/suggestions/", f"desk/reports/{one}/"):
        french, english = (web.get(f"/{lang}/{path}").content.decode() for lang in ("fr", "en"))
        assert "Textes presque identiques" in french
        assert "des passages en commun" in french
        assert "darkwofl4471@chatline" in french
        assert "darkwolf4471@chatline" in french
        assert "Pseudonymes qui diffèrent d’une lettre." in french
        assert "3 bits sur 256 diffèrent" in french
        assert "peut-être un site miroir" in french
        assert "Nearly identical pictures." in english
        assert "3 bits in 256 differ" in english
        assert "hxxps[:]//two[.]test/gallery/8842/view" in english
    assert rows("report.list", one) == 2
    # The report's page shows the other one too: its reading names both, once in each language.
    assert rows("report.read", one) == rows("report.read", desk.reports["near-1"]) == 2
