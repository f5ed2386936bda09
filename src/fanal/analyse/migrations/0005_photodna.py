"""Lists keep PhotoDNA values for those who can compare them; they are matched with nothing here."""

from django.db import migrations

FORWARD = """
ALTER TABLE analyse_entry DROP CONSTRAINT analyse_entry_kind;
ALTER TABLE analyse_entry ADD CONSTRAINT analyse_entry_kind CHECK (
    kind IN ('SHA256', 'SHA1', 'MD5', 'PDQ', 'PHOTODNA', 'URL', 'HOST', 'DOMAIN'));
"""

BACKWARD = """
ALTER TABLE analyse_entry DROP CONSTRAINT analyse_entry_kind;
ALTER TABLE analyse_entry ADD CONSTRAINT analyse_entry_kind CHECK (
    kind IN ('SHA256', 'SHA1', 'MD5', 'PDQ', 'URL', 'HOST', 'DOMAIN')) NOT VALID;
"""


class Migration(migrations.Migration):
    """One constraint of one table."""

    dependencies = [("analyse", "0004_lists")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
