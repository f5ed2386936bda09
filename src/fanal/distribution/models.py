"""Django models of the tables of distribution, which the SQL of its migrations creates."""

from django.db import models


class Recipient(models.Model):
    """A desk that receives packages of reports; an empty `region` means the whole country.

    `age_key` is its public encryption key (age recipient). `added_by` is the person who registered it.
    `closed_at`: from then on it receives no more packages.
    """

    id = models.UUIDField(primary_key=True)
    code = models.TextField(unique=True)
    name = models.TextField()
    country = models.TextField()
    region = models.TextField()
    age_key = models.TextField()
    added_by = models.UUIDField()
    added_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "distribution_recipient"
        managed = False

    def __str__(self) -> str:
        return self.code


class Package(models.Model):
    """A package of reports, encrypted for a recipient, and the date of its acknowledgement.

    `instruction_id` is the standing instruction (a dated permission) under which it was sent, `reports` the
    number of reports. `sha256` is that of the encrypted file, `token_digest` that of the token to be quoted.
    """

    id = models.UUIDField(primary_key=True)
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT)
    instruction_id = models.UUIDField()
    made_at = models.DateTimeField()
    reports = models.IntegerField()
    sha256 = models.BinaryField()
    token_digest = models.BinaryField()
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "distribution_package"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class Item(models.Model):
    """A report and one of its destinations (another country, or a region), with the evidence for it.

    `because` holds the codes of the evidence, `rule_version` the version of the routing rules. `ours`: this
    desk must handle the report too. `state` is an `ItemState`, `package` the package that holds the report,
    null before it is sent.
    """

    pk = models.CompositePrimaryKey("report_id", "country", "region")
    report_id = models.UUIDField()
    country = models.TextField()
    region = models.TextField()
    because = models.JSONField()
    rule_version = models.TextField()
    planned_at = models.DateTimeField()
    ours = models.BooleanField(default=True)
    state = models.TextField()
    package = models.ForeignKey(Package, on_delete=models.PROTECT, null=True)

    class Meta:
        db_table = "distribution_item"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} {self.country}"


class SenderKey(models.Model):
    """A signing key (raw Ed25519 public key) of the desk `code`.

    It is valid from `since` (null: from the beginning), and in force while `until` and `revoked_at` are
    empty. `until` is when its successor replaced it, `revoked_at` when its theft was recorded. `added_by` is
    the person who registered it.
    """

    id = models.UUIDField(primary_key=True)
    code = models.TextField()
    public_key = models.BinaryField(unique=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    added_by = models.UUIDField()
    added_at = models.DateTimeField()

    class Meta:
        db_table = "distribution_sender_key"
        managed = False

    def __str__(self) -> str:
        return self.code


class Taken(models.Model):
    """A package of reports received from another desk.

    `sender` and `key` are the desk that signed it and its signing key; without them its origin is unproven.
    `digest` is the SHA-256 of the decrypted package, `made_at` the sender's date, `reports` the number of
    reports.
    """

    pk = models.CompositePrimaryKey("package_id", "sender")
    package_id = models.UUIDField()
    sender = models.TextField()
    key = models.ForeignKey(SenderKey, on_delete=models.PROTECT, null=True)
    digest = models.BinaryField()
    made_at = models.DateTimeField()
    reports = models.IntegerField()
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "distribution_taken"
        managed = False

    def __str__(self) -> str:
        return str(self.package_id)
