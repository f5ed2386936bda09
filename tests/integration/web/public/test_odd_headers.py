"""Paths and headers that no browser sends: a page in words, never another host and never a failure."""

import re
import time

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from fanal.config.middleware import plain_charset

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("installed_keys"),
]
OUTSIDE = re.compile(r"""(?:href|action)=["'](?://|\\|/\\|https?:)[^"']*""")


@pytest.fixture
def browser() -> Client:
    return Client(headers={"X-Forwarded-Proto": "https"})


@pytest.mark.parametrize(
    "path",
    [
        "//evil.test/%2f..",
        "///evil.test/en/",
        "/\\evil.test/en/",
        "//evil.test/en/?next=//evil.test",
    ],
)
def test_no_link_of_an_error_page_leads_to_another_host(browser: Client, path: str) -> None:
    answer = browser.generic("GET", "/", PATH_INFO=path.replace("%2f", "/").partition("?")[0])
    body = answer.content.decode()
    assert "<a " in body
    assert OUTSIDE.findall(body) == []


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "https://\u2100.example", "null"])
@pytest.mark.parametrize("page", ["/en/report/", "/en/follow/"])
def test_an_origin_that_is_no_address_is_another_site(
    browser: Client, page: str, origin: str
) -> None:
    assert browser.post(page, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("referrer", ["http://[", "https://\u2100.example/en/"])
def test_a_referrer_that_is_no_address_leads_nowhere(referrer: str) -> None:
    strict = Client(headers={"X-Forwarded-Proto": "https"}, enforce_csrf_checks=True)
    answer = strict.post("/en/login/", {"login": "x"}, headers={"Referer": referrer})
    assert answer.status_code == 403


FORM = '--x\r\nContent-Disposition: form-data; name="step"\r\n\r\n{}\r\n--x--\r\n'


@pytest.mark.parametrize("charset", ["punycode", "rot13", "idna", "hex", "utf-7", "unicode_escape"])
def test_a_codec_that_no_browser_names_costs_nothing_and_fails_nothing(
    browser: Client, charset: str
) -> None:
    """`punycode` took seconds for 160 kB of a form, and four times as long for twice as much."""
    body = FORM.format("x-" + "b" * 400_000)
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    started = time.process_time()
    answer = browser.generic("POST", "/en/report/", body, content_type=kind)
    assert time.process_time() - started < 1
    assert answer.status_code == 409
    asked = browser.generic(
        "GET", "/en/report/?x=%C3%A9", content_type=f"text/plain; charset={charset}"
    )
    assert asked.status_code == 200


@pytest.mark.parametrize("charset", ["UTF-8", "iso-8859-1", "windows-1252"])
def test_a_usual_charset_is_read_as_it_says(charset: str) -> None:
    request = RequestFactory().generic(
        "GET",
        "/",
        QUERY_STRING="\xe9" if charset != "UTF-8" else "\xc3\xa9",
        content_type=f"text/plain; charset={charset}",
    )
    read = plain_charset(lambda asked: HttpResponse(next(iter(asked.GET))))
    assert read(request).content.decode() == "é"
