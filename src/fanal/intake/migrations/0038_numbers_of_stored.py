"""Numbers the reports stored before `0037_numbers`, in the order of their receipt."""

from uuid import UUID

from django.db import migrations

from fanal.db.numbering import REPORTS

PORTION = 2000
NEXT = """
SELECT id FROM (SELECT id FROM intake_report WHERE id > %s ORDER BY id LIMIT %s) p ORDER BY id DESC LIMIT 1
"""
GIVE = REPORTS.give("""(
    SELECT r.id, r.received_at FROM intake_report r WHERE r.id > %s AND r.id <= %s
      AND NOT EXISTS (SELECT FROM intake_number n WHERE n.report_id = r.id)) part""")


def fill(apps, schema_editor):
    """Number the reports that have no number yet, in several transactions."""
    after = UUID(int=0)
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(NEXT, [after, PORTION])
            found = cursor.fetchone()
            if found is None:
                return
            cursor.execute(GIVE, [after, found[0]])
            (after,) = found


class Migration(migrations.Migration):
    """Not atomic, and it can be run again after a stop.

    Reports that arrive meanwhile are numbered by the trigger, so that their numbers lie among these.
    """

    atomic = False
    dependencies = [("intake", "0037_numbers")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
