"""`/api/v1/reports` as a partner's program meets it."""

import json
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.operations.partners import add_partner
from fanal.kernel import clock
from fanal.kernel.actors import system_actor

URL = "/api/v1/reports"
REPORT = {"reference": "cube-1", "kind": "GROOMING", "description": "Une phrase neutre."}


def _post(client: Client, body: object, query: str = "", **headers: str):
    return client.post(
        URL + query, json.dumps(body), content_type="application/json", headers=headers
    )


def _stored() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM intake_report")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
class TestHandIn:
    def test_answers_201_with_id_receipt_and_state(self, bearer: Client) -> None:
        answer = _post(bearer, REPORT, **{"X-Correlation-Id": "c-7"})
        assert answer.status_code == 201, answer.content
        body = answer.json()
        assert set(body) == {"id", "reference", "receipt", "state"}
        assert (body["reference"], body["state"]) == ("cube-1", "FINISHED")
        assert body["receipt"].startswith("FANAL RECEIPT 1")
        assert answer["X-Correlation-Id"] == "c-7"

    def test_answers_200_to_a_repeat_whatever_the_order_of_keys(self, bearer: Client) -> None:
        first = _post(bearer, REPORT, **{"Idempotency-Key": "k"}).json()
        again = _post(bearer, dict(reversed(REPORT.items())), **{"Idempotency-Key": "k"})
        assert (again.status_code, again.json()["id"]) == (200, first["id"])
        assert _stored() == 1

    def test_answers_422_to_another_body_under_the_same_key(self, bearer: Client) -> None:
        _post(bearer, REPORT, **{"Idempotency-Key": "k"})
        other = _post(bearer, REPORT | {"reference": "cube-2"}, **{"Idempotency-Key": "k"})
        assert (other.status_code, other.json()["code"]) == (422, "OTHER_BODY")

    def test_holds_the_reference_unique_without_a_key(self, bearer: Client) -> None:
        _post(bearer, REPORT)
        assert _post(bearer, REPORT).status_code == 200
        assert _post(bearer, REPORT | {"kind": "OTHER"}).status_code == 422

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"{", 400, "MALFORMED"),
            (b"\xff\xfe{}", 400, None),
            (b'{"reference":"a","reference":"b","kind":"OTHER"}', 422, "DUPLICATE_FIELD"),
            (b'{"reference":"a","kind":"OTHER","surprise":1}', 422, "UNKNOWN_FIELD"),
            (b'{"reference":"a"}', 422, "MISSING_FIELD"),
            (b'{"reference":"a","kind":"NOPE"}', 422, "UNKNOWN_CODE"),
            (
                b'{"reference":"a","kind":"OTHER","persons":[{"role":"VICTIM","age":NaN}]}',
                400,
                None,
            ),
            (b'{"reference":"a","kind":"OTHER","description":"\\u0000"}', 422, None),
            (b'{"reference":"a","kind":"OTHER","description":"\\ud800"}', None, None),
            (b"[" * 100_000, None, None),
            (b" " * 1_100_000, 413, "TOO_LARGE"),
        ],
        ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else None,
    )
    def test_refuses_what_is_no_report_and_stores_nothing(
        self, bearer: Client, body: bytes, status: int | None, code: str | None
    ) -> None:
        answer = bearer.post(URL, body, content_type="application/json")
        assert 400 <= answer.status_code < 500
        assert status is None or answer.status_code == status, answer.content
        assert code is None or answer.json()["code"] == code
        assert _stored() == 0

    def test_says_why_in_the_callers_language(self, bearer: Client) -> None:
        english = _post(bearer, {"kind": "OTHER"}, **{"Accept-Language": "en"})
        french = _post(bearer, {"kind": "OTHER"}, **{"Accept-Language": "fr"})
        assert "missing" in english.json()["message"]
        assert "manque" in french.json()["message"]

    def test_refuses_a_stranger(self) -> None:
        for header in ("", "Bearer nothing", "Basic YTpi", "Bearer "):
            answer = _post(Client(), REPORT, Authorization=header)
            assert answer.status_code == 401, header
        assert _stored() == 0

    def test_tells_when_the_quota_is_spent(self) -> None:
        issued = add_partner(actor=system_actor("test"), name="Slow", quota=1, now=clock.now())
        client = Client(headers={"Authorization": f"Bearer {issued.token}"})
        assert _post(client, REPORT).status_code == 201
        answer = _post(client, REPORT | {"reference": "cube-2"})
        assert answer.status_code == 429
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert _stored() == 1


@pytest.mark.django_db
class TestLife:
    def test_open_finish_and_ask(self, bearer: Client) -> None:
        opened = _post(bearer, REPORT, "?state=open", **{"Idempotency-Key": "k"}).json()
        assert opened["state"] == "OPEN"
        by_key = bearer.get(f"{URL}/by-key/k").json()
        assert (by_key["id"], by_key["state"]) == (opened["id"], "OPEN")
        finished = bearer.post(f"{URL}/{opened['id']}/finish")
        assert (finished.status_code, finished.json()["state"]) == (200, "FINISHED")
        assert bearer.post(f"{URL}/{opened['id']}/finish").status_code == 200

    def test_retract_then_repeat_tells_the_state(self, bearer: Client) -> None:
        report = _post(bearer, REPORT).json()
        assert bearer.delete(f"{URL}/{report['id']}").json()["state"] == "RETRACTED"
        again = _post(bearer, REPORT)
        assert (again.status_code, again.json()["state"]) == (200, "RETRACTED")

    def test_another_partners_report_does_not_exist(self, bearer: Client) -> None:
        report = _post(bearer, REPORT).json()
        issued = add_partner(actor=system_actor("test"), name="Other", quota=None, now=clock.now())
        other = Client(headers={"Authorization": f"Bearer {issued.token}"})
        for call in (other.get, other.delete):
            assert call(f"{URL}/{report['id']}").status_code == 404
        assert other.post(f"{URL}/{report['id']}/finish").status_code == 404
        assert other.get(f"{URL}/by-key/cube-1").status_code == 404

    def test_a_test_report_reaches_no_desk(self, bearer: Client) -> None:
        answer = _post(bearer, REPORT, "?lifecycle=test")
        assert answer.status_code == 201
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM intake_work")
            assert cursor.fetchone() == (0,)


@pytest.mark.django_db
class TestNothingIsSwallowed:
    def test_a_rehearsal_does_not_swallow_the_live_report(self, bearer: Client) -> None:
        key = {"Idempotency-Key": "k"}
        rehearsed = _post(bearer, REPORT, "?lifecycle=test", **key)
        live = _post(bearer, REPORT, **key)
        assert (rehearsed.status_code, live.status_code) == (201, 201)
        assert bearer.get(f"{URL}/by-key/k").json()["id"] == live.json()["id"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT report_id::text FROM intake_work")
            assert cursor.fetchall() == [(live.json()["id"],)]

    def test_a_repeat_finishes_what_was_left_open(self, bearer: Client) -> None:
        opened = _post(bearer, REPORT, "?state=open").json()
        again = _post(bearer, REPORT)
        assert (again.status_code, again.json()["state"]) == (200, "FINISHED")
        assert again.json()["id"] == opened["id"]

    def test_a_key_with_a_slash_is_found(self, bearer: Client) -> None:
        _post(bearer, REPORT, **{"Idempotency-Key": "a/b"})
        assert bearer.get(f"{URL}/by-key/a%2Fb").status_code == 200


def _undescribed(node: object, path: str = "") -> Iterator[str]:
    """Yield the path of each property of an OpenAPI document that has no description."""
    if isinstance(node, list):
        for part in node:
            yield from _undescribed(part, path)
    if isinstance(node, dict):
        properties = node.get("properties", {})
        yield from (
            f"{path}.{name}" for name, one in properties.items() if not one.get("description")
        )
        for name, part in node.items():
            yield from _undescribed(part, path if name in {"anyOf", "items"} else f"{path}.{name}")


@pytest.mark.django_db
def test_openapi_explains_each_parameter_and_field(client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert list(_undescribed(document["paths"])) == []
    assert list(_undescribed(document["components"])) == []
    parameters = [
        parameter
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] != "path"
    ]
    assert len(parameters) > 5
    assert [p["name"] for p in parameters if not p.get("description")] == []


@pytest.mark.django_db
def test_openapi_is_served_and_names_no_foreign_host(client: Client) -> None:
    document = client.get("/api/v1/openapi.json")
    assert document.status_code == 200
    assert document.json()["openapi"].startswith("3.1")
    assert b"http" not in document.content.replace(b"HTTP", b"").replace(b'"http"', b"")
