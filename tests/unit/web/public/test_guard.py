"""Same origin and limits, without a trace of the address."""

from datetime import UTC, datetime, timedelta

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from fanal.web.public.guard import Limit, is_same_origin

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "https://testserver"}, True),
        ({"Origin": "null"}, False),
        ({"Origin": "http://testserver.evil.example"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"}, False),
    ],
)
def test_same_origin(headers: dict[str, str], expected: bool) -> None:
    request = RequestFactory().post("/fr/report/", headers=headers)
    assert is_same_origin(request) is expected


def _from(address: str) -> HttpRequest:
    return RequestFactory().post("/", REMOTE_ADDR=address)


def test_counts_per_sender_and_forgets_after_the_time() -> None:
    limit = Limit(most=2, within=timedelta(minutes=10))
    one, two = _from("192.0.2.1"), _from("192.0.2.2")
    assert [limit.count(one, NOW) for _ in range(3)] == [True, True, False]
    assert limit.count(two, NOW)
    assert limit.is_passed(one, NOW)
    assert not limit.is_passed(two, NOW)
    assert limit.count(one, NOW + timedelta(minutes=11))


def test_the_address_is_nowhere_in_memory() -> None:
    limit = Limit(most=2, within=timedelta(minutes=10))
    limit.count(_from("198.51.100.23"), NOW)
    assert "198.51.100.23" not in repr(vars(limit))


def test_the_key_changes_with_the_day() -> None:
    limit = Limit(most=1, within=timedelta(days=2))
    sender = _from("192.0.2.1")
    assert limit.count(sender, NOW)
    assert not limit.count(sender, NOW)
    assert limit.count(sender, NOW + timedelta(days=1))


def test_those_who_stopped_are_forgotten() -> None:
    limit = Limit(most=5, within=timedelta(minutes=10))
    for number in range(50):
        limit.count(_from(f"192.0.2.{number}"), NOW)
    limit.count(_from("192.0.2.200"), NOW + timedelta(minutes=11))
    assert len(limit._acts) == 1
