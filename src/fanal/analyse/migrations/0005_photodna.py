"""Permits PhotoDNA values in lists, for partners who can compare them; nothing is matched with them here."""

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
    """Replaces the CHECK constraint on the kinds of list values."""

    dependencies = [("analyse", "0004_lists")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
