"""Tables of distribution; they are made by migration 0001."""

from django.db import models


class Recipient(models.Model):
    """A desk that reports can go to; `region` empty: for the whole country."""

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
    """What was sealed for a recipient under which instruction, and when it was acknowledged."""

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
    """One report and one destination, with the evidence that named it."""

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
    """A key that the desk `code` signs with; it is in force where `until` and `revoked_at` are empty."""

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
    """A package of another desk that was opened here; without sender and key nothing proves who made it."""

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
