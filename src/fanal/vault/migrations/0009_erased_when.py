"""Keeps every erasure of an owner with its time, so that a restore does not erase what was written later."""

from django.db import migrations

_KEY = """
ALTER TABLE vault_erasure DROP CONSTRAINT vault_erasure_pkey,
    ADD CONSTRAINT vault_erasure_pkey PRIMARY KEY (owner_id, kind, erased_at);
"""
_UNDO = """
DELETE FROM vault_erasure e USING vault_erasure later
    WHERE later.owner_id = e.owner_id AND later.kind = e.kind AND later.erased_at > e.erased_at;
ALTER TABLE vault_erasure DROP CONSTRAINT vault_erasure_pkey,
    ADD CONSTRAINT vault_erasure_pkey PRIMARY KEY (owner_id, kind);
"""


class Migration(migrations.Migration):
    """A reporter may write again after the messages of the report were erased."""

    dependencies = [("vault", "0008_holds")]
    operations = [migrations.RunSQL(_KEY, _UNDO)]
