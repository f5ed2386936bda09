"""Django models of removal requests (measures); official acts, documents and steps are in casework."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from fanal.measures.domain.oversight import AnswerVerdict, Happening, RecommendationKind
from fanal.measures.domain.records import MeasureKind


class StoredRequest(models.Model):
    """Data of a removal request that its official act in casework lacks, written by database triggers.

    They come from the act's documents and steps. `host` is that of the addresses, `recipient` the key of
    `Request.recipient`. `digest` (SHA-256) is that of the current document, written by `author_id`; it
    remains after the document expires.
    """

    act_id = models.UUIDField(primary_key=True)
    kind = models.TextField(choices=[(k, k) for k in MeasureKind])
    host = models.TextField()
    recipient = models.TextField()
    digest = models.BinaryField()
    author_id = models.UUIDField()
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    executed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "measures_request"
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} {self.host}"


class StoredBlocking(models.Model):
    """Data of a blocking that its official act in casework lacks, written by database triggers.

    They come from the act's documents and steps. `host` is the blocked name, empty once the documents have
    expired; `removal_id` the removal request on which it rests, `ground` a `Ground`. A mirror has no such
    request and the ground MIRROR: `decision` is the key of the number of the court's decision,
    `decision_court` that of the court, `decision_ruled` its day; it is in force from `decision_from` to
    `decision_ends_at`. `decision_ended` is the SHA-256 of `decision` (hexadecimal) if the mirror was lifted
    because the decision ended early, else empty. `outcome` is the code of the lifting's
    reason or of the doubt's cause. Instants of steps not yet made are null.
    """

    act_id = models.UUIDField(primary_key=True)
    host = models.TextField()
    removal_id = models.UUIDField(null=True)
    ground = models.TextField()
    decision = models.TextField()
    decision_court = models.TextField()
    decision_ruled = models.DateField(null=True)
    decision_from = models.DateTimeField(null=True)
    decision_ends_at = models.DateTimeField(null=True)
    decision_ended = models.TextField()
    approved_at = models.DateTimeField(null=True)
    listed_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    doubted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.TextField()

    class Meta:
        db_table = "measures_blocking"
        managed = False

    def __str__(self) -> str:
        return f"blocking {self.host}"


class StoredAppeal(models.Model):
    """Data of an appeal that its official act in casework lacks, written by database triggers.

    They come from the act's document and steps. `contested_id` is the contested measure, `filer` a code of
    `Filer`. `ruling` and `final_ruling` are codes of `Ruling`, `appealed_by` is one of `Filer`, each empty
    before its step. Instants of steps not yet made are null.
    """

    act_id = models.UUIDField(primary_key=True)
    contested_id = models.UUIDField()
    filer = models.TextField()
    known_at = models.DateTimeField(null=True)
    filed_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    ruled_at = models.DateTimeField(null=True)
    ruling = models.TextField()
    appealed_at = models.DateTimeField(null=True)
    appealed_by = models.TextField()
    final_at = models.DateTimeField(null=True)
    final_ruling = models.TextField()

    class Meta:
        db_table = "measures_appeal"
        managed = False

    def __str__(self) -> str:
        return f"appeal of {self.filer} against {self.contested_id}"


class StoredDereferencing(models.Model):
    """Data of a dereferencing that its official act in casework lacks, written by database triggers.

    They come from the act's documents and steps. `host` (of the addresses) and `recipient` (search engine or
    directory) are empty once the documents have expired; `removal_id` is the removal request on which it
    rests. `outcome` is the code of the lifting's reason or of the doubt's cause. Instants of steps not yet
    made are null.
    """

    act_id = models.UUIDField(primary_key=True)
    host = models.TextField()
    recipient = models.TextField()
    removal_id = models.UUIDField()
    approved_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    doubted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    reviewed_at = models.DateTimeField(null=True)
    outcome = models.TextField()

    class Meta:
        db_table = "measures_dereferencing"
        managed = False

    def __str__(self) -> str:
        return f"dereferencing of {self.host} by {self.recipient}"


class StoredList(models.Model):
    """A blocking list that was made, by its serial. Append-only by trigger, which refuses an earlier serial.

    `entries` is the number of its names, `digest` the SHA-256 of its `blocking.json`; `purpose` is `export`,
    `publish` for a version in the published folder, or `propose` for one that is published once it is
    cosigned; `made_by` the person or system that made it. Rows of before these columns have no digest and no
    `made_by`.
    """

    serial = models.BigIntegerField(primary_key=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    entries = models.IntegerField()
    digest = models.TextField(default="")
    purpose = models.TextField(default="export")
    made_by = models.UUIDField(null=True)

    class Meta:
        db_table = "measures_blocklist"
        managed = False

    def __str__(self) -> str:
        return f"blocking list {self.serial}"


class StoredCleared(models.Model):
    """A blocking (`act_id`) whose name was published, first in the list with this `serial`. Append-only.

    `named`: under a standing instruction that cited the change.
    """

    act_id = models.UUIDField(primary_key=True)
    serial = models.BigIntegerField()
    named = models.BooleanField(default=False)

    class Meta:
        db_table = "measures_blocklist_cleared"
        managed = False

    def __str__(self) -> str:
        return f"blocking {self.act_id}"


class StoredReturned(models.Model):
    """A blocking (`act_id`) that a restored database brought back, though the newest version did not hold it.

    Held back since the list with this `serial`; deleted once its name is published again.
    """

    act_id = models.UUIDField(primary_key=True)
    serial = models.BigIntegerField()

    class Meta:
        db_table = "measures_blocklist_returned"
        managed = False

    def __str__(self) -> str:
        return f"blocking {self.act_id}"


class StoredCosigned(models.Model):
    """A version of the blocking list that left with the cosignature of every witness. Append-only.

    `checkpoint` is the signed note of the transparency log that contains the version's commitment, with a
    cosignature of each witness; several notes follow one another. `cosigned_at` is what the last states.
    """

    serial = models.BigIntegerField(primary_key=True)
    cosigned_at = models.DateTimeField()
    checkpoint = models.TextField()

    class Meta:
        db_table = "measures_blocklist_cosigned"
        managed = False

    def __str__(self) -> str:
        return f"blocking list {self.serial}, cosigned"


class StoredShown(models.Model):
    """An act in a cosigned version of the blocking list, and the latest expiry that such a version stated.

    `serial` is that version's. Only a later expiry replaces it (trigger).
    """

    act_id = models.UUIDField(primary_key=True)
    serial = models.BigIntegerField()
    until = models.DateTimeField()

    class Meta:
        db_table = "measures_blocklist_shown"
        managed = False

    def __str__(self) -> str:
        return f"blocking {self.act_id} until {self.until}"


class StoredGate(models.Model):
    """What waits for the witnesses' cosignature: the one row of its table, written by the publisher.

    `witnesses` are their names, "" without any. `names` is the number of names that wait, `since` since when
    (None if none waits), `code` why (`GateReason`), `detail` the words of the fault. `told_at`: when people
    were notified.
    """

    one = models.BooleanField(primary_key=True, default=True)
    witnesses = models.TextField()
    names = models.IntegerField()
    since = models.DateTimeField(null=True)
    code = models.TextField()
    detail = models.TextField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "measures_blocklist_gate"
        managed = False

    def __str__(self) -> str:
        return f"{self.names} names wait"


class StoredTarget(models.Model):
    """The comparison key of an address that a revision of a removal request (`measure_id`) targets.

    Never updated (trigger); deleted at expiry.
    """

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
    """The instant at which a provider was first informed of procedures and delays (LCEN 6-2 I).

    `recipient` is the key of `Request.recipient`, usually a contact point, since one provider serves many
    hosts. `informed_by` is the person who recorded it, `proof` the reference of the proof.
    """

    recipient = models.TextField(primary_key=True)
    informed_at = models.DateTimeField()
    informed_by = models.UUIDField()
    proof = models.TextField(default="")

    class Meta:
        db_table = "measures_contact"
        managed = False

    def __str__(self) -> str:
        return self.recipient


class StoredAddressee(models.Model):
    """A version of an entry in the directory of addressees of measures. Append-only by trigger.

    `id` is the addressee's, `facts` all its facts as JSON (`addressees.records.Fact`). `closed`: measures are
    no longer sent to it. `author_id` wrote the version.
    """

    pk = models.CompositePrimaryKey("id", "version")
    id = models.UUIDField()
    version = models.IntegerField()
    closed = models.BooleanField()
    facts = models.JSONField()
    author_id = models.UUIDField()
    written_at = models.DateTimeField()

    class Meta:
        db_table = "measures_addressee"
        managed = False

    def __str__(self) -> str:
        return f"{self.id} version {self.version}"


class StoredAddresseeSecond(models.Model):
    """The confirmation of an addressee's version by a second person (`second_id`). Append-only by trigger.

    Its addresses are those to which measures are sent until another version is confirmed.
    """

    pk = models.CompositePrimaryKey("addressee_id", "version")
    addressee_id = models.UUIDField()
    version = models.IntegerField()
    second_id = models.UUIDField()
    seconded_at = models.DateTimeField()

    class Meta:
        db_table = "measures_addressee_second"
        managed = False

    def __str__(self) -> str:
        return f"{self.addressee_id} version {self.version}"


class StoredSession(models.Model):
    """An oversight session: a sample of removal requests drawn for an overseer. Append-only by trigger.

    `population` is the number of requests from which `sample` (ids) was drawn.
    """

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
    """An event of an overseer's session, such as a removal request opened. Append-only by trigger.

    `what` is a `Happening`; `measure_id` is null for an event on the session itself. `db_at` is the time of
    insertion.
    """

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
    """A recommendation of the overseer (the qualified person) on a removal request.

    `session_id` is the oversight session in which it was made, null without one; `words` are its reasons.
    Append-only by trigger; expiry erases only `words`.
    """

    id = models.UUIDField(primary_key=True)
    measure_id = models.UUIDField()
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
    """The desk's answer to an overseer's recommendation: `verdict` (followed or declined), `words` (reasons).

    Append-only by trigger; expiry erases only `words`.
    """

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
