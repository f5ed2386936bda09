"""PostgreSQL goes away in the middle: no acknowledgement, and a word that the same may come again."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
from django.db import connection
from django.test import Client

from tests.integration.api.test_reports import REPORT, URL, _post
from tests.integration.api.test_wire import REPORT as DOCUMENT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def away(bearer: Client, basic: Client) -> Iterator[None]:
    """Point this process at a port where nothing listens."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    connection.settings_dict.update(HOST="127.0.0.1", PORT="1")
    bearer.raise_request_exception = basic.raise_request_exception = False
    yield
    connection.close()
    connection.settings_dict.update(before)


@pytest.mark.usefixtures("away")
class TestAway:
    def test_the_api_answers_503(self, bearer: Client) -> None:
        for answer in (_post(bearer, REPORT), bearer.get(f"{URL}/by-key/k")):
            assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
            assert answer["Retry-After"]

    @pytest.mark.parametrize(
        ("step", "root"), [("submit", "reportResponse"), ("finish", "reportDoneResponse")]
    )
    def test_the_wire_answers_code_1000(self, basic: Client, step: str, root: str) -> None:
        answer = basic.post(f"/ispws/{step}", DOCUMENT, content_type="text/xml")
        assert answer["Retry-After"]
        assert answer.status_code == 200
        document = ET.fromstring(answer.content)
        assert (document.tag, document.findtext("responseCode")) == (root, "1000")

    def test_a_page_answers_503(self) -> None:
        client = Client(raise_request_exception=False)
        answer = client.post("/fr/follow/", {"code": "0000-0000-0000-0000-0000"})
        assert answer.status_code == 503
        assert answer["Retry-After"]
