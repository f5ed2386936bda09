"""Django models of the tables of casework; the migrations' SQL creates the tables (`managed = False`)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from fanal.casework.domain import records
from fanal.casework.domain.proofs import StoredProof


class Act(models.Model):
    """An official act of any kind (referral, intelligence sheet, notice, removal request), without document.

    The columns are those of `domain.records.Act`: `subject_id` is the report that it follows or the payer,
    `report_ids` are the reports named, `decision_id` the decision that opened it, `addressee` is to whom it
    goes, `revision` the number of its document, `author_id` who drafted it, `basis` the data on which it
    rests, `level` its urgency, `outcome` the code of its result. Its documents are rows of `Document`.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    desk_id = models.IntegerField()
    subject_id = models.UUIDField()
    report_ids = ArrayField(models.UUIDField())
    decision_id = models.UUIDField(null=True)
    state = models.TextField()
    addressee = models.TextField()
    basis = models.BinaryField()
    level = models.TextField()
    revision = models.IntegerField(default=1)
    author_id = models.UUIDField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="")

    class Meta:
        db_table = "casework_act"
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.state}"

    def record(self) -> records.Act:
        """Convert this row into the immutable record that the package returns to its callers."""
        return records.Act(
            id=self.id,
            kind=self.kind,
            desk_id=self.desk_id,
            subject_id=self.subject_id,
            report_ids=tuple(self.report_ids),
            decision_id=self.decision_id,
            state=self.state,
            addressee=self.addressee,
            basis=bytes(self.basis),
            level=self.level,
            revision=self.revision,
            author_id=self.author_id,
            created_at=self.created_at,
            sent_at=self.sent_at,
            outcome=self.outcome,
        )


class Document(models.Model):
    """The content of an official act at one revision: JSON in UTF-8 (`content`), with its SHA-256 (`digest`).

    A revision is never changed; all revisions of an act are deleted at its expiry. `author_id` is the person
    who wrote this revision.
    """

    pk = models.CompositePrimaryKey("act_id", "revision")
    act = models.ForeignKey(Act, on_delete=models.PROTECT, related_name="documents")
    revision = models.IntegerField()
    content = models.BinaryField()
    digest = models.GeneratedField(
        expression=models.Func("content", function="sha256"),
        output_field=models.BinaryField(),
        db_persist=True,
    )
    author_id = models.UUIDField()
    written_at = models.DateTimeField()

    class Meta:
        db_table = "casework_document"
        managed = False

    def __str__(self) -> str:
        return f"{self.act_id} revision {self.revision}"


class Approval(models.Model):
    """The verdict of a second person on one revision of an official act's document (contreseing).

    `approver_id` is that person, `digest` is the SHA-256 of the document that the person read, `warnings` are
    those displayed to them then. Append-only; expiry erases only reason and warnings.
    """

    pk = models.CompositePrimaryKey("act_id", "revision")
    act = models.ForeignKey(Act, on_delete=models.PROTECT, related_name="approvals")
    revision = models.IntegerField()
    verdict = models.TextField(choices=[(v, v) for v in records.ApprovalVerdict])
    digest = models.BinaryField()
    approver_id = models.UUIDField()
    approved_at = models.DateTimeField()
    reason = models.TextField(default="")
    warnings = models.JSONField(default=list)

    class Meta:
        db_table = "casework_approval"
        managed = False

    def __str__(self) -> str:
        return f"{self.act_id} revision {self.revision} {self.verdict}"

    def record(self) -> records.ActApproval:
        """Convert this row into the immutable record that the package returns to its callers."""
        return records.ActApproval(
            revision=self.revision,
            verdict=records.ApprovalVerdict(self.verdict),
            digest=bytes(self.digest),
            approver_id=self.approver_id,
            approved_at=self.approved_at,
            reason=self.reason,
            warnings=tuple(self.warnings),
        )


class Step(models.Model):
    """A transition that an official act has made (approved, sent, withdrawn …), with date, reason and proof.

    `actor_id` made it; `source` and `target` are the states before and after, `revision`, `addressee` and
    `outcome` those of the act then. `happened_at` is the date that the person stated, `recorded_at` the
    program's time of recording, `db_at` the database's. `proof` describes the proof in words; `proof_object`
    is its file in the vault, with SHA-256 (`proof_digest`), size in bytes, media type and name. `lapsed_at`
    is the date on which the legal basis lapsed, for a sending recorded after that. Append-only by trigger,
    which also derives the act's state; expiry erases only the texts (reason, proof, warnings).
    """

    id = models.UUIDField(primary_key=True)
    act = models.ForeignKey(Act, on_delete=models.PROTECT, related_name="steps")
    transition = models.TextField()
    source = models.TextField()
    target = models.TextField()
    revision = models.IntegerField()
    actor_id = models.UUIDField()
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    db_at = models.DateTimeField(db_default=Now())
    addressee = models.TextField()
    outcome = models.TextField(default="")
    reason = models.TextField(default="")
    proof = models.TextField(default="")
    proof_digest = models.TextField(default="")
    proof_object = models.UUIDField(null=True)
    proof_size = models.BigIntegerField(null=True)
    proof_type = models.TextField(default="")
    proof_name = models.TextField(default="")
    warnings = models.JSONField(default=list)
    lapsed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "casework_step"
        managed = False

    def __str__(self) -> str:
        return f"{self.act_id} {self.transition}"

    def record(self) -> records.ActStep:
        """Convert this row into the immutable record that the package returns to its callers."""
        return records.ActStep(
            transition=self.transition,
            source=self.source,
            target=self.target,
            revision=self.revision,
            actor_id=self.actor_id,
            happened_at=self.happened_at,
            recorded_at=self.recorded_at,
            addressee=self.addressee,
            outcome=self.outcome,
            reason=self.reason,
            proof=self.proof,
            proof_digest=self.proof_digest,
            file=self._file(),
            warnings=tuple(self.warnings),
            lapsed_at=self.lapsed_at,
        )

    def _file(self) -> StoredProof | None:
        if self.proof_object is None:
            return None
        return StoredProof(
            object_id=self.proof_object,
            size=self.proof_size or 0,
            media_type=self.proof_type,
            name=self.proof_name,
        )
