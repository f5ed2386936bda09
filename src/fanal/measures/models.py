"""Tables of measures (written in migration 0001, with the triggers that hold the two-person rule)."""

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from fanal.measures.domain.letters import erased_request, read_request
from fanal.measures.domain.oversight import AnswerVerdict, Happening, RecommendationKind
from fanal.measures.domain.records import (
    Approval,
    MeasureKind,
    MeasureWarning,
    Request,
    Step,
    Verdict,
)
from fanal.measures.domain.states import MeasureState


class StoredMeasure(models.Model):
    """A measure; `request` holds the canonical bytes that `author_id` wrote, `digest` their SHA-256."""

    id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    report_id = models.UUIDField()
    decision_id = models.UUIDField()
    kind = models.TextField(choices=[(k, k) for k in MeasureKind])
    host = models.TextField()
    state = models.TextField(choices=[(s, s) for s in MeasureState], default=MeasureState.DRAFT)
    level = models.TextField()
    revision = models.IntegerField(default=1)
    request = models.BinaryField()
    digest = models.BinaryField()
    proposer_id = models.UUIDField()
    author_id = models.UUIDField()
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    executed_at = models.DateTimeField(null=True)
    non_disclosure_until = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "measures_measure"
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} {self.host} {self.state}"

    def asked(self) -> Request:
        """Return what the canonical bytes ask; once they have expired, a request without any value."""
        if self.erased_at is not None:
            return erased_request(
                measure_id=self.id, revision=self.revision, kind=MeasureKind(self.kind)
            )
        return read_request(bytes(self.request))


class StoredApproval(models.Model):
    """The verdict of the second person on a revision. Append-only by trigger."""

    pk = models.CompositePrimaryKey("measure_id", "revision")
    measure = models.ForeignKey(
        StoredMeasure, on_delete=models.PROTECT, related_name="approvals", db_constraint=False
    )
    revision = models.IntegerField()
    verdict = models.TextField(choices=[(v, v) for v in Verdict])
    digest = models.BinaryField()
    proposer_id = models.UUIDField()
    approver_id = models.UUIDField()
    at = models.DateTimeField()
    reason = models.TextField(default="")
    warnings = models.JSONField(default=list)

    class Meta:
        db_table = "measures_approval"
        managed = False

    def __str__(self) -> str:
        return f"{self.measure_id} revision {self.revision} {self.verdict}"

    def record(self) -> Approval:
        """Return the row as the package publishes it."""
        return Approval(
            measure_id=self.measure_id,
            revision=self.revision,
            verdict=Verdict(self.verdict),
            digest=bytes(self.digest),
            proposer_id=self.proposer_id,
            approver_id=self.approver_id,
            at=self.at,
            reason=self.reason,
            warnings=_warnings(self.warnings),
        )


class StoredStep(models.Model):
    """One move of a measure. Append-only by trigger."""

    id = models.UUIDField(primary_key=True)
    measure = models.ForeignKey(
        StoredMeasure, on_delete=models.PROTECT, related_name="steps", db_constraint=False
    )
    move = models.TextField()
    source = models.TextField()
    target = models.TextField()
    actor_id = models.UUIDField()
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    db_at = models.DateTimeField(db_default=Now())
    cause = models.TextField(default="")
    proof = models.TextField(default="")
    proof_digest = models.TextField(default="")
    warnings = models.JSONField(default=list)
    ground_gone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "measures_step"
        managed = False

    def __str__(self) -> str:
        return f"{self.measure_id} {self.move}"

    def record(self) -> Step:
        """Return the row as the package publishes it."""
        return Step(
            id=self.id,
            measure_id=self.measure_id,
            move=self.move,
            source=MeasureState(self.source),
            target=MeasureState(self.target),
            actor_id=self.actor_id,
            happened_at=self.happened_at,
            recorded_at=self.recorded_at,
            cause=self.cause,
            proof=self.proof,
            proof_digest=self.proof_digest,
            warnings=_warnings(self.warnings),
            ground_gone_at=self.ground_gone_at,
        )


class StoredTarget(models.Model):
    """The compared key of an address that a revision of a measure asks about. Append-only by trigger."""

    pk = models.CompositePrimaryKey("key", "measure_id", "revision")
    key = models.UUIDField()
    measure_id = models.UUIDField()
    revision = models.IntegerField()

    class Meta:
        db_table = "measures_target"
        managed = False

    def __str__(self) -> str:
        return f"{self.measure_id} revision {self.revision}"


class Contact(models.Model):
    """When a host was first informed of procedures and delays (LCEN 6-2 I)."""

    host = models.TextField(primary_key=True)
    informed_at = models.DateTimeField()
    informed_by = models.UUIDField()
    proof = models.TextField(default="")

    class Meta:
        db_table = "measures_contact"
        managed = False

    def __str__(self) -> str:
        return self.host


class StoredSession(models.Model):
    """A session of oversight and the sample it drew. Append-only by trigger."""

    id = models.UUIDField(primary_key=True)
    overseer_id = models.UUIDField()
    started_at = models.DateTimeField()
    population = models.IntegerField()
    sample = ArrayField(models.UUIDField())

    class Meta:
        db_table = "measures_session"
        managed = False

    def __str__(self) -> str:
        return f"session {self.id}"


class StoredHappening(models.Model):
    """One line of a session's record. Append-only by trigger."""

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey(
        StoredSession, on_delete=models.PROTECT, related_name="happenings", db_constraint=False
    )
    what = models.TextField(choices=[(h, h) for h in Happening])
    measure_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    db_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "measures_happening"
        managed = False

    def __str__(self) -> str:
        return f"{self.session_id} {self.what}"


class StoredRecommendation(models.Model):
    """A recommendation on a measure. Append-only by trigger."""

    id = models.UUIDField(primary_key=True)
    measure = models.ForeignKey(
        StoredMeasure, on_delete=models.PROTECT, related_name="recommendations", db_constraint=False
    )
    desk_id = models.IntegerField()
    session_id = models.UUIDField(null=True)
    kind = models.TextField(choices=[(k, k) for k in RecommendationKind])
    words = models.TextField()
    overseer_id = models.UUIDField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "measures_recommendation"
        managed = False

    def __str__(self) -> str:
        return f"{self.measure_id} {self.kind}"


class StoredAnswer(models.Model):
    """The desk's answer to a recommendation. Append-only by trigger."""

    recommendation = models.OneToOneField(
        StoredRecommendation, on_delete=models.PROTECT, primary_key=True, related_name="answer"
    )
    verdict = models.TextField(choices=[(v, v) for v in AnswerVerdict])
    words = models.TextField()
    person_id = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        db_table = "measures_answer"
        managed = False

    def __str__(self) -> str:
        return f"{self.recommendation_id} {self.verdict}"


def _warnings(stored: object) -> tuple[MeasureWarning, ...]:
    return msgspec.convert(stored, type=tuple[MeasureWarning, ...])
