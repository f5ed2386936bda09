"""Fills the new columns of the queue's older rows from their records, and adds the indexes of the filters."""

import zlib

import msgspec
from django.db import migrations
from zstandard import ZstdError

from fanal.harmonise.domain.records import UnknownEncoding, unpack
from fanal.orient.queue.domain.facts import facts_of

PORTION = 2000
NEXT = """
SELECT c.report_id, r.record FROM (
    SELECT report_id FROM orient_case WHERE report_id > %s AND state <> 'EXPIRED'
    ORDER BY report_id LIMIT %s) c
LEFT JOIN LATERAL (
    SELECT record FROM harmonise_record WHERE report_id = c.report_id ORDER BY revision DESC LIMIT 1) r ON true
ORDER BY c.report_id
"""
FILL = """
UPDATE orient_case c
SET language = row.language, age = row.age, departement = row.departement, conversation = row.conversation
FROM jsonb_to_recordset(%s::jsonb)
    AS row(report_id uuid, language text, age smallint, departement text, conversation boolean)
WHERE c.report_id = row.report_id
"""
INDEXES = """
-- In the order of a view, and compared with the filters entry by entry: the table is read for what matches.
CREATE INDEX orient_case_sifted ON orient_case (
    desk_id, state, rank, report_id, late, level, kind, channel, country, departement, language, sender_id, age,
    conversation, claimed_by)
    WHERE state NOT IN ('FOLDED', 'WITHDRAWN');
CREATE INDEX orient_case_dated ON orient_case (desk_id, state, report_id) WHERE state NOT IN ('FOLDED', 'WITHDRAWN');
CREATE INDEX orient_case_senders ON orient_case (desk_id, sender_id);
"""


def fill(apps, schema_editor):
    """Write the facts of each report that has a record into its row of the queue, in batches of 2000."""
    last = "00000000-0000-0000-0000-000000000000"
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(NEXT, [last, PORTION])
            found = cursor.fetchall()
            if not found:
                return
            rows = [row for report_id, record in found if record and (row := _row(report_id, record))]
            cursor.execute(FILL, [msgspec.json.encode(rows).decode()])
            last = found[-1][0]


def _row(report_id, record):
    """Return the facts of a report for the statement `FILL`; None if its stored record is damaged."""
    try:
        return {"report_id": report_id} | msgspec.structs.asdict(facts_of(unpack(record)))
    except (UnknownEncoding, zlib.error, ZstdError, msgspec.MsgspecError):
        return None


class Migration(migrations.Migration):
    """Not atomic: one transaction over a million rows would hold locks for minutes. It can be run again."""

    atomic = False
    dependencies = [("orient", "0047_row_facts"), ("harmonise", "0001_initial")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL(INDEXES, "DROP INDEX orient_case_sifted, orient_case_dated, orient_case_senders"),
    ]
