"""Paths and headers that no browser sends: a page in words, never another host and never a failure."""

import re

import pytest
from django.test import Client

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
