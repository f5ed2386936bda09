"""The interfaces on a public node: signed in as `intake`, without a right to read content."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.integration.api.test_reports import REPORT, URL, _post
from tests.integration.api.test_wire import DETAILS, _code, _form, _submit, _xml

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("fanal.config.urls_public"),
]


@pytest.fixture
def as_intake(bearer: Client, basic: Client) -> None:
    """Sign in as the public node's role once the partner is there (the desk made it)."""
    from tests.conftest import _SERVER

    _SERVER.become("intake")


@pytest.mark.usefixtures("as_intake")
class TestPublicNode:
    def test_takes_finishes_tells_and_retracts(self, bearer: Client) -> None:
        opened = _post(bearer, REPORT, "?state=open", **{"Idempotency-Key": "a/b"})
        assert opened.status_code == 201, opened.content
        place = f"{URL}/{opened.json()['id']}"
        assert bearer.get(f"{URL}/by-key/a/b").json()["state"] == "OPEN"
        assert bearer.post(f"{place}/finish").json()["state"] == "FINISHED"
        assert _post(bearer, REPORT).json()["id"] == opened.json()["id"]
        assert bearer.delete(place).json()["state"] == "RETRACTED"
        assert bearer.get(place).json()["state"] == "RETRACTED"

    def test_carries_the_wire_from_submit_to_retract(self, basic: Client) -> None:
        number = _submit(basic)
        upload = _form(basic, "upload", id=f" {number} ", file=SimpleUploadedFile("t", b"square"))
        file_id = upload[1].findtext("fileId", "")
        for _ in range(2):  # a second document goes before the first
            assert _code(_xml(basic, "fileinfo", DETAILS.format(number, file_id))[1]) == 0
        _, done = _form(basic, "finish", id=number)
        assert [e.text for e in done.iter("fileId")] == [file_id]
        assert _code(_form(basic, "retract", id=number)[1]) == 0
