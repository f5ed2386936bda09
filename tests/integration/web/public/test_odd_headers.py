"""Paths and headers that no browser sends: a page in words, never another host and never a failure."""

import re
import time

import pytest
from django.test import Client, RequestFactory

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


def _served(method: str, path: str, *, kind: str, body: str = "") -> str:
    """Return the status of the answer of the application as it is served, behind a proxy that uses https."""
    from fanal.config.wsgi import Guarded, served

    made = RequestFactory(headers={"X-Forwarded-Proto": "https"}).generic(
        method, path, body, content_type=kind
    )
    statuses: list[str] = []
    Guarded(served)(
        made.environ | {"CONTENT_TYPE": kind}, lambda status, *_: statuses.append(status)
    )
    return statuses[0][:3]


@pytest.mark.parametrize(
    "charset", ["punycode", "rot13", "idna", "hex", "utf-7", "unicode_escape", "undefined"]
)
@pytest.mark.parametrize("name", ["charset={}", "charset*=utf-8''{}"])
def test_a_codec_that_no_browser_names_costs_nothing_and_fails_nothing(
    charset: str, name: str
) -> None:
    """`punycode` took seconds for 160 kB of a form, and four times as long for twice as much."""
    body = FORM.format("x-" + "b" * 400_000)
    named = name.format(charset)
    started = time.process_time()
    kind = f"multipart/form-data; boundary=x; {named}"
    assert _served("POST", "/en/report/", kind=kind, body=body) == "409"
    assert time.process_time() - started < 1.5
    assert _served("GET", "/en/report/?x=%C3%A9", kind=f"text/plain; {named}") == "200"


@pytest.mark.parametrize("charset", ["nothing", "undefined", "idna"])
def test_a_parameter_in_a_charset_that_is_none_is_refused_as_unreadable(charset: str) -> None:
    """RFC 2231: a parameter of a header may name its own charset, here one that nobody can read."""
    kind = f"text/plain; a*={charset}''%C3%A9"
    assert _served("GET", "/en/report/", kind=kind) == "400"


@pytest.mark.parametrize("charset", ["UTF-8", "iso-8859-1", "windows-1252"])
def test_a_usual_charset_is_read_as_it_says(charset: str) -> None:
    from fanal.config.wsgi import PlainRequest

    asked = RequestFactory().get("/", content_type=f"text/plain; charset={charset}").environ
    word = "%C3%A9" if charset == "UTF-8" else "%E9"
    request = PlainRequest(
        asked | {"QUERY_STRING": word, "CONTENT_TYPE": f"text/plain; charset={charset}"}
    )
    assert list(request.GET) == ["é"]
