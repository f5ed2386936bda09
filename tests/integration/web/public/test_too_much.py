"""More than a form takes, and bodies that no form sends: a page of the form, in its language, with what was written."""

from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest
import time_machine
from django.test import Client
from hypothesis import given, settings, strategies as st

from fanal.web.posted import MOST_FIELDS, MOST_READ
from fanal.web.public.steps import STEPS
from tests.integration.web.public.test_public_node import (
    CODE,
    NOW,
    _draft,
    fresh_limits,
    send,
    to_check_page,
)

__all__ = ["fresh_limits"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("intake"),
    pytest.mark.usefixtures("installed_keys"),
    pytest.mark.urls("fanal.config.urls_public"),
]
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"
LONG = "Un mot neutre, puis un autre. " * 200_000
"""Six million characters: beyond what Django reads by itself, within what is read here."""


@pytest.fixture
def client() -> Client:
    """A browser to which a failure is a page, as to any."""
    return Client(raise_request_exception=False)


@pytest.fixture
def draft(client: Client) -> Iterator[str]:
    """The draft of a check page."""
    with time_machine.travel(NOW, tick=False):
        yield to_check_page(client)


def post(client: Client, path: str, body: bytes, kind: str = FORM) -> tuple[int, str]:
    answer = client.generic("POST", path, body, content_type=kind)
    assert answer["Content-Type"].startswith("text/html")
    return answer.status_code, unescape(answer.content.decode())


@pytest.mark.parametrize(
    ("go", "length"),
    [
        ("next", 60_001), ("next", 3_000_000), ("back", 130_000), ("stay", 130_000),
        ("check", 130_000), ("danger", 130_000),
    ],
)  # fmt: skip
def test_a_text_that_is_too_long_comes_back_whole_whatever_was_pressed(
    client: Client, draft: str, go: str, length: int
) -> None:
    long = LONG[: length - 1] + "."
    said = "A short word before it."
    fields = {"draft": draft, "step": "saw", "description": said, "conversation": long, "go": go}
    status, text = post(client, "/fr/report/", urlencode(fields).encode())
    assert status == 422
    assert f">\n{long}</textarea>" in text
    assert f">\n{said}</textarea>" in text
    assert 'name="step" value="saw"' in text
    assert "C’est trop long" in text
    shorter = {"draft": _draft(text), "step": "saw", "description": said, "conversation": "Court."}
    page = client.post("/fr/report/", shorter | {"go": "check"}).content.decode()
    assert said in page
    status, text = send(client, _draft(page))
    assert status == 201
    assert CODE.search(text)


@pytest.mark.parametrize(("lang", "words"), [("fr", "Seul le début"), ("en", "Only the beginning")])
def test_beyond_what_is_read_its_beginning_comes_back_with_the_earlier_pages(
    client: Client, draft: str, lang: str, words: str
) -> None:
    long = LONG * 2
    fields = {"draft": draft, "step": "saw", "description": "x", "conversation": long, "go": "next"}
    status, text = post(client, f"/{lang}/report/", urlencode(fields).encode())
    assert status == 413
    assert words in text
    assert f'lang="{lang}"' in text
    assert long[:1_000_000] in text
    page = client.post(
        f"/{lang}/report/", {"draft": _draft(text), "step": "saw", "go": "check"}
    ).content.decode()
    assert "someone_77" in page


@pytest.mark.parametrize("sign", '"<&')
def test_a_text_that_swells_on_a_page_comes_back_in_part(client: Client, sign: str) -> None:
    """Each of its signs is six characters there: of eight million, a page of 48 MB."""
    fields = {"step": "saw", "description": "A word.", "conversation": sign * 2_500_000}
    answer = client.post("/fr/report/", urlencode(fields), content_type=FORM)
    text = unescape(answer.content.decode())
    assert answer.status_code == 413
    assert len(answer.content) < 3_000_000
    assert sign * 200_000 in text
    assert "A word." in text
    assert "Seul le début" in text


def test_a_text_that_is_too_long_for_a_lost_draft_stays_on_its_page(client: Client) -> None:
    long = LONG[:70_000]
    fields = {"draft": "of another node", "step": "saw", "conversation": long, "go": "next"}
    status, text = post(client, "/fr/report/", urlencode(fields).encode())
    assert status == 409
    assert long.strip() in text
    assert "n’ont pas pu être gardées" in text


BODIES = {
    "empty": (b"", FORM),
    "bytes": (bytes(range(256)) * 50, FORM),
    "no UTF-8": (
        b"draft=%FF%FE&step=saw&description=%00%ff&go=next&text=%00&act=answer&code=%00",
        FORM,
    ),
    "many fields": (b"&".join(b"f%d=1" % n for n in range(MOST_FIELDS + 1)), FORM),
    "fields without names": (b"&" * 100_000, FORM),
    "cut within a letter": (b"step=saw&text=" + b"%C3%A9" * (MOST_READ // 6) + b"x", FORM),
    "another encoding": (b"description=abc&step=saw", FORM + "; charset=iso-8859-1"),
    "an encoding of nobody": (b"description=abc&step=saw", FORM + "; charset=klingon"),
    "no parts": (b"no parts at all", PARTS),
    "no boundary": (b"no boundary", "multipart/form-data"),
    "part without end": (b"--x\r\nContent-Disposition: form-data; name=step\r\n\r\nsaw", PARTS),
    "large part": (
        b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
        + b"y" * (MOST_READ + 1)
        + b"\r\n--x--\r\n",
        PARTS,
    ),
    "JSON": (b'{"step": "saw"}', "application/json"),
    "of no type": (b"step=saw", ""),
}


@pytest.mark.parametrize("path", ["/fr/report/", "/en/follow/"])
@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_no_form_sends_get_a_page_of_ours(client: Client, path: str, name: str) -> None:
    status, text = post(client, path, *BODIES[name])
    assert 400 <= status < 500
    assert "Fanal</title>" in text
    assert f'<html lang="{path[1:3]}">' in text
    assert f'action="{path}"' in text


@settings(max_examples=60)
@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["draft", "step", "go", "code", "act", "text", "conversation", "date"]),
            st.one_of(st.text(max_size=30), st.sampled_from([step.name for step in STEPS])),
        )
    ),
    path=st.sampled_from(["/fr/report/", "/en/follow/"]),
)
def test_no_fields_break_a_public_form(parts: list[tuple[str, str]], path: str) -> None:
    body = urlencode(parts, errors="surrogatepass").encode()
    answer = Client().generic("POST", path, body, content_type=FORM)
    assert answer.status_code < 500


def follow(client: Client, draft: str) -> str:
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize(
    ("length", "status", "words"),
    [(20_001, 422, "20\u202f001 caractères"), (5_000_000, 422, "caractères"), (9_000_000, 422, "seul le début")],
)  # fmt: skip
def test_an_answer_that_is_too_long_comes_back(
    client: Client, draft: str, length: int, status: int, words: str
) -> None:
    code = follow(client, draft)
    text = (LONG * 2)[: length - 1] + "."
    fields = {"code": code, "text": text, "act": "answer"}
    got, page = post(client, "/fr/follow/", urlencode(fields).encode())
    assert got == status
    assert words in page
    assert text[: min(length, 4_000_000)] in page
    fields |= {"text": text[:1000]}
    assert post(client, "/fr/follow/", urlencode(fields).encode())[0] == 200


def test_signs_that_no_text_holds_are_dropped_from_an_answer(client: Client, draft: str) -> None:
    code = follow(client, draft)
    fields = {"code": code, "act": "answer", "text": "One\x00 word\ufffe."}
    status, page = post(client, "/en/follow/", urlencode(fields).encode())
    assert status == 200
    assert "Your message has arrived" in page


def test_another_language_keeps_the_answer_that_was_begun(client: Client, draft: str) -> None:
    code = follow(client, draft)
    fields = {"code": code, "act": "stay", "text": "A word that was begun"}
    status, page = post(client, "/en/follow/", urlencode(fields).encode())
    assert status == 200
    assert ">\nA word that was begun</textarea>" in page
    assert "has arrived. Thank you." not in page


def test_of_a_text_that_was_read_in_part_no_length_is_told(client: Client, draft: str) -> None:
    fields = {"draft": draft, "step": "saw", "conversation": LONG * 2}
    text = post(client, "/fr/report/", urlencode(fields).encode())[1]
    assert "pour 60\u202f000 au plus" not in text
    assert text.count('role="alert" tabindex') == 1
