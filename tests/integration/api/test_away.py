"""PostgreSQL goes away in the middle: no acknowledgement, and a word that the same may come again."""

from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

import psycopg
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


_COPIED = ("intake_receipt", "vault_object", "ledger_object")
_ENDING = """
CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(1);
    RETURN NEW;
END $$;
GRANT EXECUTE ON FUNCTION end_session() TO fanal_app;
"""


@pytest.fixture
def ended_in_copy(
    request: pytest.FixtureRequest,
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> Iterator[None]:
    """Sessions that store a row of a table are ended while they copy it there."""
    owner = as_role("owner")
    owner.execute(_ENDING)
    owner.execute(
        f"CREATE TRIGGER end_session BEFORE INSERT ON {request.param}"
        " FOR EACH ROW EXECUTE FUNCTION end_session()"
    )
    yield
    connection.close()
    owner.execute("DROP FUNCTION end_session CASCADE")


@pytest.mark.parametrize(
    ("door", "ended_in_copy"),
    [
        *(("api", table) for table in (*_COPIED, "intake_work")),
        *(("wire", table) for table in _COPIED),  # whose opened report waits for no stage
    ],
    indirect=["ended_in_copy"],
)
def test_a_session_that_ends_in_a_copy_is_said_like_any_other(
    bearer: Client, basic: Client, door: str, ended_in_copy: None
) -> None:
    bearer.raise_request_exception = basic.raise_request_exception = False
    if door == "api":
        answer = _post(bearer, REPORT)
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
        assert answer.json()["retry"] is True
    else:
        answer = basic.post("/ispws/submit", DOCUMENT, content_type="text/xml")
        assert ET.fromstring(answer.content).findtext("responseCode") == "1000"
    assert answer["Retry-After"]
