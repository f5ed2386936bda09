"""Permits several signing keys of the installation, one after the other; the newest signs."""

from django.db import migrations

FORWARD = """
ALTER TABLE deconfliction_identity DROP COLUMN one;  -- its key and its check go along
ALTER TABLE deconfliction_identity
    ADD CONSTRAINT deconfliction_identity_pkey PRIMARY KEY (public_key);
"""
BACKWARD = """
DELETE FROM deconfliction_identity i
    WHERE EXISTS (SELECT FROM deconfliction_identity n WHERE n.object_id > i.object_id);
ALTER TABLE deconfliction_identity DROP CONSTRAINT deconfliction_identity_pkey;
ALTER TABLE deconfliction_identity ADD COLUMN one boolean NOT NULL DEFAULT true;
ALTER TABLE deconfliction_identity
    ADD CONSTRAINT deconfliction_identity_pkey PRIMARY KEY (one),
    ADD CONSTRAINT deconfliction_identity_one CHECK (one);
"""


class Migration(migrations.Migration):
    dependencies = [("deconfliction", "0002_delivered")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
