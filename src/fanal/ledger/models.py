"""Tables of the ledger, created in SQL by the first migration and declared here for queries."""

from django.db import models


class LedgerEntry(models.Model):
    """A recorded act on personal data, or reading of them; a row is never updated.

    `at` is the time of the act, `db_at` that of insertion, `action` the code of the act and `verb` its
    legal kind. `body` is the canonical encoding, which is hashed; the other columns serve queries. `writer`
    is the database role that inserted the row, null in older rows.
    """

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    db_at = models.DateTimeField()
    actor_id = models.UUIDField()
    action = models.TextField()
    verb = models.TextField()
    body = models.BinaryField()
    writer = models.TextField(null=True)  # noqa: DJ001 - unknown in entries of leaf version 1

    class Meta:
        managed = False
        db_table = "ledger_entry"

    def __str__(self) -> str:
        return f"{self.id} {self.action}"


class LedgerObject(models.Model):
    """An object that an entry names (kind and id), with the keyed digest of its content, if recorded."""

    pk = models.CompositePrimaryKey("entry_id", "kind", "object_id")
    entry_id = models.UUIDField()
    object_id = models.UUIDField()
    kind = models.TextField()
    digest = models.BinaryField(null=True)

    class Meta:
        managed = False
        db_table = "ledger_object"

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class LedgerMotive(models.Model):
    """The text of an entry's purpose (motif de consultation), which is deleted when its retention ends.

    The entry keeps its keyed digest.
    """

    entry_id = models.UUIDField(primary_key=True)
    motive = models.TextField()

    class Meta:
        managed = False
        db_table = "ledger_motive"

    def __str__(self) -> str:
        return str(self.entry_id)


class LedgerChain(models.Model):
    """A link of the hash chain: an entry's number (`seq`, from 1) with its hashes (32 bytes each).

    `leaf_hash` is that of the entry, `prev_hash` the chain hash of the previous link, `chain_hash` its own.
    `recorded_at` is the entry's insertion time, `numbered_at` that of its numbering.
    """

    seq = models.BigIntegerField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    recorded_at = models.DateTimeField()
    numbered_at = models.DateTimeField()
    leaf_hash = models.BinaryField()
    prev_hash = models.BinaryField()
    chain_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "ledger_chain"

    def __str__(self) -> str:
        return f"{self.seq} {self.entry_id}"


class LedgerCheckpoint(models.Model):
    """A signed checkpoint (`note`) of the first `size` entries, with the tree's root and compact range.

    The next checkpoint continues from the compact range, without reading these entries again.
    """

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    compact_range = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "ledger_checkpoint"

    def __str__(self) -> str:
        return str(self.size)
