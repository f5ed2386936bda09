"""Tables of the intake package. `intake_report` is partitioned by month on its id (migration 0001)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from fanal.intake.domain.records import Arrival, Format, KeyKind, ReportState, Stage


class Report(models.Model):
    """The envelope (metadata) of one report; the content is sealed (encrypted) in the vault (`object_id`)."""

    id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    sender_id = models.UUIDField()
    arrival = models.TextField(choices=[(a, a) for a in Arrival])
    format = models.TextField(choices=[(f, f) for f in Format])
    reference = models.TextField()
    wire_id = models.BigIntegerField(null=True)
    state = models.TextField(choices=[(s, s) for s in ReportState])
    received_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    object_id = models.UUIDField()
    identity_id = models.UUIDField(null=True)
    size = models.IntegerField()
    urgent = models.BooleanField(default=False)
    is_test = models.BooleanField(default=False)
    slow_lane = models.BooleanField(default=False)
    language = models.TextField(default="")
    correlation_id = models.TextField(default="")
    erased_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "intake_report"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class Key(models.Model):
    """An idempotency key as a keyed digest, by which a repeated submission is recognised.

    `fingerprint` is that of the document and its files (`fingerprint_of`). Unpartitioned: UNIQUE cannot span
    partitions.
    """

    pk = models.CompositePrimaryKey("sender_id", "kind", "digest")
    sender_id = models.UUIDField()
    kind = models.TextField(choices=[(k, k) for k in KeyKind])
    digest = models.BinaryField()
    fingerprint = models.BinaryField()
    report_id = models.UUIDField()

    class Meta:
        db_table = "intake_key"
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} of {self.report_id}"


class Wire(models.Model):
    """The number of a report on the NCMEC-compatible API (wire), whose clients expect an integer."""

    wire_id = models.BigIntegerField(primary_key=True)
    sender_id = models.UUIDField()
    report_id = models.UUIDField()

    class Meta:
        db_table = "intake_wire"
        managed = False

    def __str__(self) -> str:
        return str(self.wire_id)


class Work(models.Model):
    """The work queue: one row for each report that waits for a processing stage or is quarantined.

    A worker leases a row until `lease_until`, with `lease_token` as fencing token; `error` is the code of
    the last failure.
    """

    report_id = models.UUIDField(primary_key=True)
    stage = models.TextField(choices=[(s, s) for s in Stage])
    urgent = models.BooleanField(default=False)
    slow_lane = models.BooleanField(default=False)
    attempts = models.SmallIntegerField(default=0)
    not_before = models.DateTimeField()
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    quarantined_at = models.DateTimeField(null=True)
    error = models.TextField(default="")

    class Meta:
        db_table = "intake_work"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} at {self.stage}"


class Receipt(models.Model):
    """A report's signed receipt; for the public form also what is derived from the receipt code.

    Look-up hash, public key, and the digest that tells its holder's pages to speak to a child.
    """

    report_id = models.UUIDField(primary_key=True)
    lookup_hash = models.BinaryField(null=True, unique=True)
    public_key = models.BinaryField(null=True)
    signed = models.TextField()
    voice_digest = models.BinaryField(null=True)

    class Meta:
        db_table = "intake_receipt"
        managed = False

    def __str__(self) -> str:
        return str(self.report_id)


class Message(models.Model):
    """A message between desk and reporter.

    The desk's are sealed to the public key of the receipt code (`for_reporter`) and to the vault
    (`object_id`); the reporter's to the vault only.
    """

    id = models.UUIDField(primary_key=True)
    report_id = models.UUIDField()
    from_desk = models.BooleanField()
    author_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    object_id = models.UUIDField()
    for_reporter = models.BinaryField(null=True)

    class Meta:
        db_table = "intake_message"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class Upload(models.Model):
    """A file of a report; `file_id` is its opaque id on the NCMEC-compatible API (wire)."""

    pk = models.CompositePrimaryKey("report_id", "file_id")
    report_id = models.UUIDField()
    file_id = models.TextField()
    position = models.IntegerField()
    object_id = models.UUIDField(null=True)
    name = models.TextField(default="")
    size = models.BigIntegerField(null=True)
    md5 = models.TextField(null=True)  # noqa: DJ001 - unknown where the file stayed away
    sha1 = models.TextField(null=True)  # noqa: DJ001 - unknown where the file stayed away
    sha256 = models.TextField(null=True)  # noqa: DJ001 - unknown where the file stayed away
    details_id = models.UUIDField(null=True)
    earlier_ids = ArrayField(models.UUIDField(), default=list)
    hashed_at = models.DateTimeField(null=True)
    media_type = models.TextField(default="")
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    scale = models.SmallIntegerField(default=1)
    pdq = models.TextField(null=True)  # noqa: DJ001 - no hash is not the empty hash
    pdq_quality = models.SmallIntegerField(null=True)
    frames = ArrayField(models.TextField(), default=list)
    unhashed = models.TextField(null=True)  # noqa: DJ001 - no reason is not the empty reason

    class Meta:
        db_table = "intake_upload"
        managed = False

    def __str__(self) -> str:
        return self.file_id


class Hold(models.Model):
    """A legal hold on a report: it is not erased at expiry until the hold is lifted."""

    id = models.UUIDField(primary_key=True)
    report_id = models.UUIDField()
    placed_by = models.UUIDField()
    placed_at = models.DateTimeField()
    motive = models.TextField()
    lifted_by = models.UUIDField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lift_motive = models.TextField(default="")

    class Meta:
        db_table = "intake_hold"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class SpentChallenge(models.Model):
    """A used proof-of-work challenge (its digest), kept until its expiry so that it cannot be used again."""

    digest = models.BinaryField(primary_key=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "intake_spent_challenge"
        managed = False

    def __str__(self) -> str:
        return self.digest.hex()
