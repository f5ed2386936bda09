"""What people write at length at the desk comes back: refused by its form, too large, after a session, a failure."""

from collections.abc import Callable
from html import unescape
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.test import Client

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.judicial import queries as judicial
from fanal.web.posted import MOST_READ
from tests.integration.desk.story import Desk
from tests.integration.desk.test_work import decide, measure_of, submitted
from tests.integration.desk.work import listed

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
WORDS = "Une remarque neutre que personne n’écrit deux fois. "
LONG = WORDS * 5_000
FORM = "application/x-www-form-urlencoded"


def assert_refused_with(client: Client, page: str, fields: dict[str, object], text: str) -> None:
    answer = client.post(page, fields)
    assert 400 <= answer.status_code < 500, answer.status_code
    assert text.strip() in unescape(answer.content.decode()), page


def test_a_text_that_is_too_long_comes_back_from_every_act_on_a_report(
    desk: Desk, sign_in: SignIn
) -> None:
    client = sign_in("ana")
    stream, material = (f"/fr/desk/reports/{desk.reports[n]}/" for n in ("stream", "material"))
    assert_refused_with(client, f"{stream}note/", {"words": LONG}, LONG)
    dossier = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    for act, fields in (("note", {"words": LONG}), ("judge", {"act": "OPEN", "reason": LONG})):
        assert_refused_with(client, f"/fr/desk/dossiers/{dossier}/{act}/", fields, LONG)
    client.post(f"{material}claim/")
    assert_refused_with(client, f"{material}decide/", {"way": "JUDICIAL", "reason": LONG}, LONG)
    withheld = {"act": "WITHHOLD", "counterpart": "", "words": LONG}
    assert_refused_with(client, f"/fr/desk/dossiers/{dossier}/withhold/", withheld, LONG)


def test_a_question_that_is_too_long_comes_back(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanal.web.desk.report.views.is_reachable", lambda **_who: True)
    page = f"/fr/desk/reports/{desk.reports['travel']}/question/"
    assert_refused_with(sign_in("ana"), page, {"text": LONG}, LONG)


def test_a_text_that_is_too_long_comes_back_from_measures_and_referrals(
    desk: Desk, sign_in: SignIn
) -> None:
    page, report_id = submitted(desk, sign_in), desk.reports["material"]
    refused = {"digest": measure_of(desk, report_id).digest.hex(), "reason": LONG}
    assert_refused_with(sign_in("elise"), f"{page}refuse/", refused, LONG)
    decide(desk, sign_in("ana"), desk.reports["mirror"], way="JUDICIAL")
    (referral,) = judicial.referrals_of(
        actor=desk.actor("driss"), report_ids=[desk.reports["mirror"]]
    )[desk.reports["mirror"]]
    amended = {"body": "PHAROS", "summary": LONG}
    assert_refused_with(sign_in("driss"), f"/fr/desk/referrals/{referral.id}/amend/", amended, LONG)


def test_a_reason_that_is_too_long_comes_back_from_an_entry(desk: Desk, sign_in: SignIn) -> None:
    page = f"/fr/desk/lists/entries/{listed(desk, 'material')}/"
    assert_refused_with(sign_in("claire"), f"{page}release/", {"reason": LONG}, LONG)


def test_a_motive_that_is_too_long_comes_back(desk: Desk, sign_in: SignIn) -> None:
    page = f"/fr/desk/reports/{desk.reports['travel']}/identity/"
    assert_refused_with(sign_in("driss"), page, {"motive": LONG}, LONG)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_form_that_is_too_large_gives_back_what_was_read(
    desk: Desk, sign_in: SignIn, lang: str
) -> None:
    page = f"/{lang}/desk/reports/{desk.reports['stream']}/"
    body = urlencode({"csrfmiddlewaretoken": "secret-token", "words": WORDS + "x" * MOST_READ})
    answer = sign_in("ana").generic(
        "POST",
        f"{page}note/",
        body,
        content_type=FORM,
        headers={"referer": f"https://testserver{page}?a=1", "host": "testserver"},
    )
    text = unescape(answer.content.decode())
    assert answer.status_code == 413
    assert {"fr": "C’est trop long", "en": "This is too long"}[lang] in text
    assert WORDS in text
    assert "secret-token" not in text
    assert f'href="{page}?a=1"' in text
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(
    "referer",
    [
        "https://evil.example/fr/",
        "https://testserver//evil.example/fr/",
        "https://testserver/\\evil.example/fr/",
        "javascript:alert(1)",
        "x",
        "//a",
    ],
)
def test_no_page_leads_back_to_another_site(referer: str) -> None:
    headers = {"referer": referer, "host": "testserver"}
    answer = Client().generic("POST", "/fr/login/", b"a=" + b"1" * MOST_READ, FORM, headers=headers)
    assert answer.status_code == 413
    assert "Revenir à la page précédente" not in answer.content.decode()


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_sign_in_says_that_it_is_too_much_and_repeats_no_password(lang: str) -> None:
    fields = {"login": "ana", "password": "correct horse battery staple " * 300_000}
    answer = Client().generic("POST", f"/{lang}/login/", urlencode(fields), FORM)
    text = unescape(answer.content.decode())
    assert answer.status_code == 413
    assert f'<html lang="{lang}">' in text
    assert "correct horse" not in text


def test_a_session_that_ended_loses_no_words(desk: Desk) -> None:
    page = f"/fr/desk/reports/{desk.reports['stream']}/note/"
    signed_out = Client(headers={"X-Forwarded-Proto": "https"})
    answer = signed_out.post(page, {"words": WORDS})
    text = unescape(answer.content.decode())
    assert answer.status_code == 403
    assert "Votre session a pris fin" in text
    assert WORDS in text
    assert "no-store" in answer["Cache-Control"]
    for fields, headers in (({"words": "court"}, {}), ({"words": WORDS}, {"HX-Request": "true"})):
        led = signed_out.post(page, fields, headers=headers)
        assert led.status_code == 302
        assert "/fr/login/" in led["Location"]


def test_a_form_of_an_earlier_session_loses_no_words(desk: Desk, sign_in: SignIn) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"X-Forwarded-Proto": "https"})
    strict.cookies = sign_in("ana").cookies
    answer = strict.post(f"/fr/desk/reports/{desk.reports['stream']}/note/", {"words": WORDS})
    text = unescape(answer.content.decode())
    assert answer.status_code == 403
    assert "restée ouverte trop longtemps" in text
    assert WORDS in text


@pytest.mark.parametrize(("failure", "status"), [(OperationalError, 503), (KeyError, 500)])
def test_a_failure_gives_back_what_was_written(
    desk: Desk,
    sign_in: SignIn,
    failure: type[Exception],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(**_values: object) -> None:
        raise failure("gone")

    monkeypatch.setattr("fanal.web.desk.notes.note_report", break_down)
    client = sign_in("ana")
    client.raise_request_exception = False
    answer = client.post(f"/en/desk/reports/{desk.reports['stream']}/note/", {"words": WORDS})
    text = unescape(answer.content.decode())
    assert answer.status_code == status
    assert "Something broke on our side" in text
    assert WORDS in text
