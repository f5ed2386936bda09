"""Tables of the reception of reports: envelopes, keys, work queue, receipts, messages, files, legal holds.

`intake_report` is partitioned by month on its id (migration 0001).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from fanal.intake.domain.records import Arrival, Format, KeyKind, ReportState, Stage


class Report(models.Model):
    """The envelope (metadata) of one report, without its content, which is sealed (encrypted) in the vault.

    `arrival` is the channel, `format` that of the document, `is_test` marks a test report, `reference` the
    sender's id of the report, `wire_id` its number on the NCMEC-compatible API. `object_id` is the sealed
    content in the vault, `identity_id` the sealed statements of a reporter about themself, null without;
    `size` is that of the content in bytes. `urgent`: a person is in danger; `slow_lane`: it is processed
    after others. `changed_at` is the last change of its state or files. `correlation_id` is a header of the
    request, for its sender.
    """

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

    `sender_id` is whose key it is, `fingerprint` that of the document and its files (`fingerprint_of`).
    Unpartitioned: UNIQUE cannot span partitions.
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

    `urgent` reports come first, those of the `slow_lane` after others. A worker leases a row until
    `lease_until`, with `lease_token` as fencing token. `attempts` counts the claims, `not_before` delays the
    next one after a failure, `error` is the code of the last failure. After too many failures
    `quarantined_at` is set: a person must look at it.
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
    """A report's signed receipt (`signed`), and what is stored of its receipt code.

    Only reporters of the public form have such a code: `lookup_hash` finds the report of a typed code,
    messages are encrypted to `public_key`, and `voice_digest` says whether its holder is the child concerned.
    Otherwise these are null.
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
    """A message between the desk and the reporter of a report, encrypted.

    The desk's (`from_desk`, written by `author_id`) are sealed to the public key of the receipt code
    (`for_reporter`) and to the vault (`object_id`); the reporter's to the vault only.
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
    """A file of a report; `file_id` is its opaque id on the NCMEC-compatible API, `position` its order.

    `object_id` is the sealed file in the vault, null if the sender kept it; `details_id` its sealed details
    document, `earlier_ids` those that this one replaced. `name`, `size` and exact hashes are as received. The
    columns from `hashed_at` on hold the results of the desk's own hashing: type, dimensions, perceptual hash
    of a picture (`pdq`) or of a video's `frames`, and why there is none (`unhashed`).
    """

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
    """A legal hold on a report: it is not erased at expiry until the hold is lifted.

    `motive` is the reason for placing it, `review_motive` that of its last review, `lift_motive` that for
    lifting it. It is due for review on `review_on`, and never ends by itself.
    """

    id = models.UUIDField(primary_key=True)
    report_id = models.UUIDField()
    placed_by = models.UUIDField()
    placed_at = models.DateTimeField()
    motive = models.TextField()
    review_on = models.DateField(null=True)
    reviewed_by = models.UUIDField(null=True)
    reviewed_at = models.DateTimeField(null=True)
    review_motive = models.TextField(default="")
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
