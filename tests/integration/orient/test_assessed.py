"""Pictures that the desk assessed go with their report."""

import pytest
from django.db import connection

from fanal.orient.operations.batch import erase, note_assessed
from tests.integration.orient.people import WORKER
from tests.integration.orient.test_folding import put
from tests.unit.orient.sameness import picture, report

pytestmark = pytest.mark.role("worker")


def kept() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM orient_assessed), (SELECT count(*) FROM orient_assessed_file)"
        )
        pictures, fingerprints = cursor.fetchone()
        return pictures, fingerprints


def test_they_are_kept_once_and_erased_with_it() -> None:
    item = report(picture("A"), picture("B"), who="one")
    (report_id,) = put(item)
    for _ in range(2):
        note_assessed(report=item.report, desk_id=1)
    assert kept() == (2, 4)
    erase(actor=WORKER, report_ids=[report_id])
    assert kept() == (0, 0)
