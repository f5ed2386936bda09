"""Django models of the tables of distribution, which the SQL of its migrations creates."""

from django.db import models


class Recipient(models.Model):
    """A desk that receives packages of reports; an empty `region` means the whole country."""

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
    """A package encrypted for a recipient, its standing instruction, and the date of its acknowledgement.

    `sha256` is that of the encrypted file, `token_digest` that of the token to be quoted.
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

    `because` holds the codes of the evidence. `ours`: this desk also has a share of the report.
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
    """A signing key of the desk `code`; in force while `until` and `revoked_at` are empty.

    Otherwise `until` is when its successor replaced it.
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
    """A package received from another desk; without sender and key its origin is unproven.

    `digest` is the SHA-256 of the decrypted package.
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
