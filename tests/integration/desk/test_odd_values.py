"""What senders write at the ends of the calendar and of numbers: no report is lost to its queue or its page."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.integration.desk.story import HOST, Desk, add_reports, suspect

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
INSTANTS = (
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00.0+23:59",
    "9998-12-31T23:59:59-23:59",
    "0002-01-01T00:00:00+23:59",
    "9999-12-31",
    "0001-01-01",
)
NUMBERS = (2**53, -(2**53), 65536, -1, 0)


def _payment(at: str) -> dict[str, object]:
    return {
        "at": at,
        "amount": "20",
        "currency": "EUR",
        "sender": "a",
        "beneficiary": "b",
        "beneficiary_country": "PH",
        "operator": "o",
    }


def _address(**sighting: object) -> dict[str, object]:
    ip = {"value": "203.0.113.9", "port": 443, "at": "2026-01-01T00:00:00Z"} | sighting
    return {"persons": [suspect("renard_77") | {"ips": [ip]}]}


def _bodies() -> list[dict[str, object]]:
    usual = _payment("2026-01-01T00:00:00Z")
    found: list[dict[str, object]] = []
    for at in INSTANTS:
        found += [
            {"occurred_at": at},
            {"occurred_at": "2026-01-01", "occurred_until": at},
            {"persons": [{"role": "VICTIM", "age": 9, "birth_date": at[:10]}]},
            {"payments": [_payment(at), usual, usual]},
            {"conversation": [{"speaker": "a", "at": at, "text": "see you at the station"}]},
            _address(at=at),
        ]
    for number in NUMBERS:
        found += [_address(port=number), {"persons": [{"role": "VICTIM", "age": number}]}]
    return [
        {"kind": "GROOMING", "urls": [f"https://{HOST}/{n}"], "occurred_at": "2026-01-01", **body}
        for n, body in enumerate(found)
    ]


def test_every_report_has_its_case_and_its_page(desk: Desk, sign_in: SignIn) -> None:
    bodies = {f"odd-{n}": body for n, body in enumerate(_bodies())}
    add_reports(desk, [(name, 5, body) for name, body in bodies.items()])
    web = sign_in("ana")
    failed = {
        name: bodies[name]
        for name in bodies
        if web.get(f"/fr/desk/reports/{desk.reports[name]}/").status_code != 200
    }
    assert failed == {}
