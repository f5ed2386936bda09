"""Too much at once: a refusal with a wait on both interfaces, and never what was acknowledged."""

import io
import json
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.intake.domain.pressure import Limits
from fanal.intake.domain.records import Arrival, Format, KeyKind, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.work import current_limits, install_limits
from fanal.kernel import clock
from fanal.kernel.actors import public_actor
from tests.integration.api.test_reports import REPORT, URL, _post, _stored
from tests.integration.api.test_wire import DETAILS, _code, _form, _submit, _xml

[(DOCUMENT, _)] = synthetic_reports(seed=11, count=1)
BELOW = b"</incidentType>"
URGENT = DOCUMENT.replace(BELOW, BELOW + b"<escalateToHighPriority>now</escalateToHighPriority>")
PLENTY = 1 << 62
Press = Callable[..., None]


@pytest.fixture
def press(db: None) -> Iterator[Press]:
    """Set the bounds of this process: a backlog of so many reports, so many bytes kept free."""
    before = current_limits()

    def install(*, backlog: int = 0, reserve: int = 0) -> None:
        largest = before.largest_file
        install_limits(limits=Limits(backlog=backlog, reserve=reserve, largest_file=largest))

    yield install
    install_limits(limits=before)


def refusals() -> dict[tuple[str, str], int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT step, code, sum(refused) FROM intake_refusal GROUP BY 1, 2")
        return {(step, code): int(n) for step, code, n in cursor.fetchall()}


def test_the_api_answers_429_with_a_wait_and_stores_nothing(bearer: Client, press: Press) -> None:
    _post(bearer, REPORT)
    press(backlog=1)
    answer = _post(bearer, REPORT | {"reference": "cube-2"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert answer.json()["code"] == "BUSY"
    assert answer.json()["retry"] is True
    assert _stored() == 1
    assert refusals() == {("POST", "BUSY"): 1}
    press(backlog=2)
    assert _post(bearer, REPORT | {"reference": "cube-2"}).status_code == 201


def test_what_the_public_s_door_was_flooded_with_refuses_no_partner(
    bearer: Client, press: Press
) -> None:
    for number in range(3):
        body = b'{"reference": "form", "kind": "OTHER"}'
        receive_reports(
            actor=public_actor(),
            submissions=[
                Submission(
                    arrival=Arrival.FORM,
                    format=Format.FORM,
                    body=body,
                    canonical=body,
                    keys=((KeyKind.SUBMISSION, str(number) * 16),),
                )
            ],
            now=clock.now(),
        )
    press(backlog=2)
    assert _post(bearer, REPORT).status_code == 201
    install_limits(limits=current_limits())  # what waits is read anew
    assert _post(bearer, REPORT | {"reference": "cube-2"}).status_code == 201
    install_limits(limits=current_limits())
    assert _post(bearer, REPORT | {"reference": "cube-3"}).status_code == 429


def test_the_wire_answers_code_1000_at_200_with_a_wait(basic: Client, press: Press) -> None:
    _form(basic, "finish", id=_submit(basic))
    press(backlog=1)
    answer = basic.post("/ispws/submit", DOCUMENT, content_type="text/xml")
    assert (answer.status_code, answer["Retry-After"]) == (200, "30")
    root = ET.fromstring(answer.content)
    assert _code(root) == 1000
    assert "nothing was stored" in root.findtext("responseDescription", "")
    assert _stored() == 1
    assert refusals() == {("submit", "1000"): 1}


def test_a_child_in_danger_is_taken_whatever_presses(
    bearer: Client, basic: Client, press: Press
) -> None:
    _post(bearer, REPORT)
    press(backlog=1, reserve=PLENTY)
    urgent = REPORT | {"reference": "urgent", "emergency": True}
    assert _post(bearer, urgent).status_code == 201
    assert _code(_xml(basic, "submit", URGENT)[1]) == 0
    assert _post(bearer, REPORT | {"reference": "other"}).status_code == 429


def test_what_is_acknowledged_goes_on_under_pressure(
    bearer: Client, basic: Client, press: Press
) -> None:
    opened = _post(bearer, REPORT, "?state=open", **{"Idempotency-Key": "k"}).json()
    number = _submit(basic)
    file = _form(basic, "upload", id=number, file=SimpleUploadedFile("t", b"square"))[1]
    press(backlog=1, reserve=PLENTY)
    assert bearer.get(f"{URL}/by-key/k").status_code == 200
    assert bearer.post(f"{URL}/{opened['id']}/finish").json()["state"] == "FINISHED"
    details = DETAILS.format(number, file.findtext("fileId"))
    assert _code(_xml(basic, "fileinfo", details)[1]) == 0
    assert _code(_form(basic, "finish", id=number)[1]) == 0
    assert _code(_form(basic, "retract", id=number)[1]) == 0
    assert bearer.delete(f"{URL}/{opened['id']}").status_code == 200


def test_a_file_waits_for_room_on_the_disk_and_for_nothing_else(
    basic: Client, press: Press
) -> None:
    number = _submit(basic)
    file = {"id": number, "file": SimpleUploadedFile("t", b"square")}
    press(reserve=PLENTY)
    answer = basic.post("/ispws/upload", file)
    assert (answer.status_code, answer["Retry-After"]) == (200, "300")
    assert _code(ET.fromstring(answer.content)) == 1000
    press(backlog=1)
    file["file"] = SimpleUploadedFile("t", b"square")
    assert _code(_form(basic, "upload", **file)[1]) == 0
    _, done = _form(basic, "finish", id=number)
    assert len(list(done.iter("fileId"))) == 1


def test_a_file_whose_size_would_fill_the_disk_is_refused_by_its_header(
    basic: Client, press: Press
) -> None:
    from fanal.vault import queries as vault

    number = _submit(basic)
    press(reserve=max(0, vault.free_bytes() - (1 << 30)))
    big = basic.generic(
        "POST",
        "/ispws/upload",
        b"--x\r\n",
        content_type="multipart/form-data; boundary=x",
        **{"CONTENT_LENGTH": str(600 << 20), "wsgi.input": io.BytesIO(b"--x\r\n")},
    )
    assert _code(ET.fromstring(big.content)) == 1000
    assert _code(_form(basic, "upload", id=number, file=SimpleUploadedFile("t", b"x"))[1]) == 0


def test_garbage_is_counted_against_the_quota_and_by_its_code(
    basic: Client, bearer: Client
) -> None:
    from fanal.accounts.models import PartnerCredential

    PartnerCredential.objects.update(quota_per_minute=3)
    codes = [_code(_xml(basic, "submit", "<no")[1]) for _ in range(4)]
    assert codes[:3] in ([4110] * 3, [4110, 4110, 1000])  # a minute may end in between
    assert bearer.post(URL, json.dumps([]), content_type="application/json").status_code in {
        400,
        422,
        429,
    }
    assert refusals()["submit", "4110"] >= 3
    assert clock.now()
