"""The journal of reads: committed before the body, and equal to what is shown, both ways."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import path

from fanal.accounts.routes import needs
from fanal.config import urls as full_urls
from fanal.kernel.actors import Role
from fanal.web.reading import ReadNotJournalled, consult
from tests.integration.accounts.people import PASSWORD, Make

PAGE = "{% for name, report in shown %}<li>{% person name report %}</li>{% endfor %}"
SHOWN = [("Canary Person One", uuid4()), ("Canary Person Two", uuid4())]


def _rows() -> list[tuple[str, UUID, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.action, o.object_id, m.motive FROM ledger_entry e"
            " JOIN ledger_object o ON o.entry_id = e.id"
            " LEFT JOIN ledger_motive m ON m.entry_id = e.id WHERE o.kind = 'report'"
        )
        return cursor.fetchall()


@needs("report.read")
def honest(request: HttpRequest) -> HttpResponse:
    consult(request, "report", [report for _, report in SHOWN])
    return _page(request)


@needs("report.read")
def partial(request: HttpRequest) -> HttpResponse:
    consult(request, "report", [SHOWN[0][1]])
    return _page(request)


@needs("report.read")
def silent(request: HttpRequest) -> HttpResponse:
    return _page(request)


@needs("report.read")
def late(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(request, engines["django"].from_string(PAGE), {"shown": SHOWN})


@needs("report.read")
def undurable(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        consult(request, "report", [report for _, report in SHOWN])
    return _page(request)


def _page(request: HttpRequest) -> HttpResponse:
    body = engines["django"].from_string(PAGE).render({"shown": SHOWN}, request)
    return HttpResponse(body)


urlpatterns = [
    *full_urls.urlpatterns,
    *(
        path(f"test/{view.__name__}/", view, name=view.__name__)
        for view in (honest, partial, silent, late, undurable)
    ),
]


@pytest.fixture
def analyst(make_user: Make, no_second_factor: None, settings: object) -> Iterator[Client]:
    settings.ROOT_URLCONF = __name__
    make_user("ana", Role.ANALYST)
    web = Client(headers={"X-Forwarded-Proto": "https"})
    web.post("/fr/login/", {"login": "ana", "password": PASSWORD})
    return web


@pytest.mark.django_db
def test_rows_and_rendered_persons_are_the_same(analyst: Client) -> None:
    body = analyst.get("/test/honest/").content.decode()
    assert all(name in body for name, _ in SHOWN)
    rows = _rows()
    assert {row[1] for row in rows} == {report for _, report in SHOWN}
    assert {row[0] for row in rows} == {"report.read"}
    assert {row[2] for row in rows} == {"page:honest"}


@pytest.mark.django_db
@pytest.mark.parametrize("view", ["partial", "silent", "late"])
def test_a_person_without_a_row_never_leaves(analyst: Client, view: str) -> None:
    with pytest.raises(ReadNotJournalled):
        analyst.get(f"/test/{view}/")
    analyst.raise_request_exception = False
    answer = analyst.get(f"/test/{view}/")
    assert answer.status_code == 500
    assert b"Canary" not in answer.content


@pytest.mark.django_db
def test_the_stated_motive_is_in_the_row(analyst: Client) -> None:
    analyst.post("/fr/account/motive/", {"motive": "  Dossier 12,\n\0triage  "})
    analyst.get("/test/honest/")
    assert {row[2] for row in _rows()} == {"Dossier 12, triage"}


@pytest.mark.django_db(transaction=True)
def test_a_read_inside_a_transaction_is_refused(analyst: Client) -> None:
    with pytest.raises(RuntimeError):
        analyst.get("/test/undurable/")
    assert not _rows()


@pytest.mark.django_db(transaction=True)
def test_the_row_is_committed_before_the_body_is_made(
    analyst: Client, as_role: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    auditor = as_role("auditor")

    def page(request: HttpRequest) -> HttpResponse:
        found = auditor.execute("SELECT count(*) FROM ledger_object WHERE kind = 'report'")
        seen.append(found.fetchone()[0])
        return _page_before(request)

    _page_before = _page
    monkeypatch.setitem(honest.__globals__, "_page", page)
    assert analyst.get("/test/honest/").status_code == 200
    assert seen == [2]


@pytest.mark.django_db
def test_a_ledger_that_refuses_stops_the_page(
    analyst: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**fields: object) -> None:
        raise OSError("the ledger cannot be written")

    monkeypatch.setattr("fanal.ledger.operations.record", broken)
    analyst.raise_request_exception = False
    answer = analyst.get("/test/honest/")
    assert answer.status_code == 500
    assert b"Canary" not in answer.content
