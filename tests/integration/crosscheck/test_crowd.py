"""Many people behind one address, on one host, before one page: dossiers are those of one person each.

`fanal bench crosscheck --crowd` does the same with a hundred thousand reports and times the desk's pages.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from benchmarks.crosscheck_crowd import ADDRESS, HOST, PAGE, crowd
from fanal.crosscheck.links.queries import list_links
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.similar.operations.near import renew_near
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import SelectorKind, Source
from fanal.harmonise.domain.sightings import selector_key
from fanal.harmonise.operations.batch import harmonise_batch
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
SIZE, BATCH = 800, 200


def test_a_crowd_is_nobodys_dossier() -> None:
    labels, reports = crowd(SIZE, seed=3)
    assert max(labels) + 1 < SIZE, "nobody is reported twice: nothing to find"
    label = {}
    for start in range(0, SIZE, BATCH):
        sources = [
            Source(
                report_id=new_id(NOW + timedelta(seconds=n)),
                desk_id=1,
                format="ncmec-xml",
                body=xml,
            )
            for n, (xml, _) in enumerate(reports[start : start + BATCH], start)
        ]
        label |= {s.report_id: labels[start + n] for n, s in enumerate(sources)}
        found, failures = harmonise_batch(actor=SYSTEM, sources=sources, now=NOW)
        assert failures == []
        crosscheck_batch(actor=SYSTEM, reports=found, now=NOW)
    shared = [
        selector_key(kind, value)
        for kind, value in (
            (SelectorKind.IP, ADDRESS),
            (SelectorKind.HOST, HOST),
            (SelectorKind.URL, PAGE),
        )
    ]
    counts = harmonised.count_sightings(actor=SYSTEM, keys=shared, most=SIZE)
    assert [counts[key] for key in shared[:2]] == [SIZE, SIZE]
    assert counts[shared[2]] > 31, "the page does not go round"
    while renew_near(actor=SYSTEM, now=NOW):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crosscheck_near")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT dossier_id, report_id FROM crosscheck_membership")
        dossiers: dict[object, list[int]] = {}
        for dossier, report_id in cursor.fetchall():
            dossiers.setdefault(dossier, []).append(label[report_id])
    assert all(len(set(people)) == 1 for people in dossiers.values())
    assert len(dossiers) == sum(labels.count(person) > 1 for person in set(labels))
    assert all(link.score > 0.9 for link in list_links(actor=SYSTEM, after=None, limit=SIZE))
