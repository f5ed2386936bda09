"""A request whose host is none is refused in the caller's shape, before any view sees it."""

import pytest
from django.test import Client
from lxml import etree

pytestmark = pytest.mark.django_db


def test_the_partner_api_answers_in_json(client: Client) -> None:
    answer = client.delete(
        "/api/v1/reports/7f4a81fe-d3fe-7716-90a2-b7b6ecf2a001",
        headers={"host": "9\\-", "accept-language": "en"},
    )
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "code": "BAD_REQUEST",
        "path": "",
        "message": "The request cannot be read. Nothing was stored.",
        "retry": False,
    }


def test_the_wire_answers_with_a_code(client: Client) -> None:
    answer = client.get("/ispws/status", headers={"host": "9\\-"})
    assert etree.fromstring(answer.content).findtext("responseCode") == "4000"


def test_a_person_reads_a_page(client: Client) -> None:
    answer = client.get("/fr/", headers={"host": "9\\-"})
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("text/html")
