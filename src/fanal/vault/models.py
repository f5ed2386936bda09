"""Tables of the vault, created in SQL by the first migration and declared here for queries."""

from django.db import models


class VaultObject(models.Model):
    """One sealed (encrypted) object: its identity, location and wrapped data key.

    `owner_id` is the id under which it can be erased, mostly a report's; `kind` is a code such as
    `identity`. `sha256` is the plaintext's hash, or a keyed digest for identities. `size` is that of the
    plaintext in bytes, `length` that of the sealed bytes. `place` is the offset in the pack `pack_id` (a
    file of many objects); both are null for an object in a file of its own. `wrapped_key`, the encrypted
    data key, is null once erased; `wrap_key_id` names the public key that encrypted it.
    """

    id = models.UUIDField(primary_key=True)
    owner_id = models.UUIDField()
    kind = models.TextField()
    sha256 = models.BinaryField()
    size = models.BigIntegerField()
    pack_id = models.UUIDField(null=True)
    place = models.BigIntegerField(null=True)
    length = models.BigIntegerField()
    wrapped_key = models.BinaryField(null=True)
    wrap_key_id = models.BinaryField()
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "vault_object"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class VaultErasure(models.Model):
    """An erasure of the sealed objects of an owner (mostly a report) of one `kind` (empty: all kinds).

    It is repeated after a restore of the database.
    """

    pk = models.CompositePrimaryKey("owner_id", "kind", "erased_at")
    owner_id = models.UUIDField()
    kind = models.TextField()
    erased_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "vault_erasure"

    def __str__(self) -> str:
        return str(self.owner_id)
