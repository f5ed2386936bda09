"""Tables of judicial (written in its migrations)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from fanal.judicial.domain.records import Step
from fanal.judicial.domain.sheets import Sheet, SheetState, SheetStep
from fanal.judicial.domain.states import ReferralState


class StoredReferral(models.Model):
    """A referral; `bases` is JSON of its bases."""

    id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    report_id = models.UUIDField()
    decision_id = models.UUIDField(unique=True)
    state = models.TextField(choices=[(s, s) for s in ReferralState], default=ReferralState.DRAFT)
    body = models.TextField()
    bases = models.BinaryField()
    level = models.TextField()
    author_id = models.UUIDField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="")

    class Meta:
        db_table = "judicial_referral"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} to {self.body} {self.state}"


class ReferralText(models.Model):
    """Facts (JSON) and written summary of a referral; deleted at expiry."""

    referral = models.OneToOneField(
        StoredReferral, on_delete=models.PROTECT, primary_key=True, related_name="words"
    )
    facts = models.BinaryField()
    summary = models.TextField(default="")

    class Meta:
        db_table = "judicial_text"
        managed = False

    def __str__(self) -> str:
        return str(self.referral_id)


class StoredStep(models.Model):
    """One move of a referral. Append-only by trigger."""

    id = models.UUIDField(primary_key=True)
    referral = models.ForeignKey(StoredReferral, on_delete=models.PROTECT, related_name="steps")
    move = models.TextField()
    source = models.TextField()
    target = models.TextField()
    actor_id = models.UUIDField()
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    db_at = models.DateTimeField(db_default=Now())
    body = models.TextField()
    outcome = models.TextField(default="")
    proof = models.TextField(default="")

    class Meta:
        db_table = "judicial_step"
        managed = False

    def __str__(self) -> str:
        return f"{self.referral_id} {self.move}"

    def record(self) -> Step:
        """Return the row as the package publishes it."""
        return Step(
            id=self.id,
            referral_id=self.referral_id,
            move=self.move,
            source=ReferralState(self.source),
            target=ReferralState(self.target),
            actor_id=self.actor_id,
            happened_at=self.happened_at,
            recorded_at=self.recorded_at,
            body=self.body,
            outcome=self.outcome,
            proof=self.proof,
        )


class StoredSheet(models.Model):
    """An intelligence sheet on a payer; `digest` is the SHA-256 of its facts as drafted."""

    id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    payer = models.UUIDField()
    report_ids = ArrayField(models.UUIDField())
    state = models.TextField(choices=[(s, s) for s in SheetState], default=SheetState.DRAFT)
    body = models.TextField()
    digest = models.BinaryField()
    author_id = models.UUIDField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "judicial_sheet"
        managed = False

    def __str__(self) -> str:
        return f"{self.id} to {self.body} {self.state}"

    def record(self) -> Sheet:
        """Return the row as the package publishes it."""
        return Sheet(
            id=self.id,
            desk_id=self.desk_id,
            payer=self.payer,
            report_ids=tuple(self.report_ids),
            state=SheetState(self.state),
            body=self.body,
            author_id=self.author_id,
            created_at=self.created_at,
            sent_at=self.sent_at,
        )


class SheetWords(models.Model):
    """Facts (JSON) and written words of a sheet; deleted at expiry."""

    sheet = models.OneToOneField(
        StoredSheet, on_delete=models.PROTECT, primary_key=True, related_name="words"
    )
    facts = models.BinaryField()
    summary = models.TextField(default="")

    class Meta:
        db_table = "judicial_sheet_words"
        managed = False

    def __str__(self) -> str:
        return str(self.sheet_id)


class StoredSheetStep(models.Model):
    """One move of a sheet. Append-only by trigger."""

    id = models.UUIDField(primary_key=True)
    sheet = models.ForeignKey(StoredSheet, on_delete=models.PROTECT, related_name="steps")
    move = models.TextField()
    source = models.TextField()
    target = models.TextField()
    actor_id = models.UUIDField()
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    db_at = models.DateTimeField(db_default=Now())
    body = models.TextField()
    proof = models.TextField(default="")

    class Meta:
        db_table = "judicial_sheet_step"
        managed = False

    def __str__(self) -> str:
        return f"{self.sheet_id} {self.move}"

    def record(self) -> SheetStep:
        """Return the row as the package publishes it."""
        return SheetStep(
            move=self.move,
            source=SheetState(self.source),
            target=SheetState(self.target),
            actor_id=self.actor_id,
            happened_at=self.happened_at,
            recorded_at=self.recorded_at,
            body=self.body,
            proof=self.proof,
        )
