"""Tables of the orient package. `orient_proposal` is partitioned by month on the report (migration 0001)."""

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.db import models

from fanal.orient.domain import records
from fanal.orient.domain.filters import filters_from
from fanal.orient.domain.records import unpack_proposal
from fanal.orient.domain.states import CaseState


class StoredProposal(models.Model):
    """One revision of the legal rules' proposal for a report; revisions count from 1.

    `tracks` are codes of the proposed actions, `bases` the ids of the legal bases; `body` is the whole
    proposal, encoded by `pack_proposal`; `rule_version` is that of the legal rules.
    """

    pk = models.CompositePrimaryKey("report_id", "revision")
    report_id = models.UUIDField()
    revision = models.IntegerField()
    desk_id = models.IntegerField()
    tracks = ArrayField(models.TextField())
    bases = ArrayField(models.TextField())
    body = models.BinaryField()
    rule_version = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "orient_proposal"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} revision {self.revision}"

    def record(self) -> records.StoredProposal:
        """Return the row as a `records.StoredProposal`, the form in which queries return it."""
        return records.StoredProposal(
            proposal=unpack_proposal(
                self.body,
                report_id=self.report_id,
                tracks=self.tracks,
                rule_version=self.rule_version,
            ),
            revision=self.revision,
            created_at=self.created_at,
        )


class Case(models.Model):
    """A row of the desk's queue, one for each report; the columns are the fields of `records.Case`.

    `rank` is 100 minus the priority score, so that an ascending index gives the highest first. `language`,
    `age`, `departement` and `conversation` are facts of the report for the filters (`RowFacts`).
    """

    report_id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    state = models.TextField(choices=[(s, s) for s in CaseState])
    rank = models.SmallIntegerField()
    floor = models.TextField(default="")
    level = models.TextField()
    reason = models.TextField()
    reason_parameters = models.JSONField()
    kind = models.TextField()
    channel = models.TextField(default="")
    platform = models.TextField(default="")
    country = models.TextField(default="")
    received_at = models.DateTimeField()
    urgent = models.BooleanField()
    links = models.IntegerField()
    sender_id = models.UUIDField()
    claimed_by = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    claim_token = models.BigIntegerField()
    decided_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    proposal_revision = models.IntegerField()
    is_test = models.BooleanField()
    head_id = models.UUIDField(null=True)
    folded = models.IntegerField(default=0)
    ask_before = models.DateTimeField(null=True)
    language = models.TextField(default="")
    age = models.SmallIntegerField(null=True)
    departement = models.TextField(default="")
    conversation = models.BooleanField(default=False)
    place: int
    """Rank by which a page of the queue placed the row; only there."""

    class Meta:
        db_table = "orient_case"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} {self.state}"

    def record(self) -> records.Case:
        """Return the row as a `records.Case`, the form in which queries return it."""
        return records.Case(
            report_id=self.report_id,
            desk_id=self.desk_id,
            state=CaseState(self.state),
            score=100 - self.rank,
            floor=self.floor or None,
            level=self.level,
            reason=self.reason,
            reason_parameters=self.reason_parameters,
            kind=self.kind,
            channel=self.channel or None,
            platform=self.platform or None,
            country=self.country or None,
            received_at=self.received_at,
            urgent=self.urgent,
            links=self.links,
            sender_id=self.sender_id,
            claimed_by=self.claimed_by,
            lease_until=self.lease_until,
            claim_token=self.claim_token,
            decided_at=self.decided_at,
            due_at=self.due_at,
            proposal_revision=self.proposal_revision,
            is_test=self.is_test,
            head_id=self.head_id,
            folded=self.folded,
            ask_before=self.ask_before,
        )


class StoredDecision(models.Model):
    """A decision of a person on a report; append-only by trigger.

    `tracks` are the actions decided on, `body` is JSON of the legal bases, `competent` the code of the
    competent authority. `proposal_revision` is the revision of the proposal that was shown, `rule_version`
    that of the legal rules, `claim_token` the fencing token of the author's claim. `digest` is a salted
    digest of the reason, `supersedes` the decision that this one replaces, None for the first.
    """

    id = models.UUIDField(primary_key=True)
    report_id = models.UUIDField()
    desk_id = models.IntegerField()
    tracks = ArrayField(models.TextField())
    body = models.BinaryField()
    competent = models.TextField(default="")
    proposal_revision = models.IntegerField()
    rule_version = models.TextField()
    author_id = models.UUIDField()
    claim_token = models.BigIntegerField()
    decided_at = models.DateTimeField()
    digest = models.BinaryField()
    supersedes = models.UUIDField(null=True)

    class Meta:
        db_table = "orient_decision"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} {','.join(self.tracks)}"

    def record(self, *, reason: str) -> records.Decision:
        """Return the row as a `records.Decision`, with its written reason (empty once expired)."""
        return records.Decision(
            id=self.id,
            report_id=self.report_id,
            desk_id=self.desk_id,
            tracks=tuple(records.Track(track) for track in self.tracks),
            bases=msgspec.json.decode(bytes(self.body), type=tuple[records.Basis, ...]),
            body=self.competent or None,
            proposal_revision=self.proposal_revision,
            rule_version=self.rule_version,
            author_id=self.author_id,
            decided_at=self.decided_at,
            digest=bytes(self.digest),
            supersedes=self.supersedes,
            reason=reason,
        )


class DecisionReason(models.Model):
    """The written reason of a decision (`words`) and the `salt` of its digest: both are deleted at expiry."""

    decision = models.OneToOneField(
        StoredDecision, on_delete=models.PROTECT, primary_key=True, related_name="reason"
    )
    salt = models.BinaryField()
    words = models.TextField()

    class Meta:
        db_table = "orient_reason"
        managed = False

    def __str__(self) -> str:
        return str(self.decision_id)


class StoredAlarm(models.Model):
    """A child-in-danger alarm on a report; the columns are the fields of `records.Alarm`.

    The times of escalation and acknowledgement are null until then.
    """

    id = models.UUIDField(primary_key=True)
    report_id = models.UUIDField()
    desk_id = models.IntegerField()
    code = models.TextField()
    raised_at = models.DateTimeField()
    escalated_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.UUIDField(null=True)
    recorded_at = models.DateTimeField(null=True)
    """When the alarm was recorded in the ledger: a deposit raises it by a trigger, which cannot write
    there.
    """

    class Meta:
        db_table = "orient_alarm"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} {self.code}"

    def record(self) -> records.Alarm:
        """Return the row as a record without `call`, the delivery state of its e-mail to the duty people."""
        return records.Alarm(
            id=self.id,
            report_id=self.report_id,
            desk_id=self.desk_id,
            code=self.code,
            raised_at=self.raised_at,
            escalated_at=self.escalated_at,
            acknowledged_at=self.acknowledged_at,
            acknowledged_by=self.acknowledged_by,
        )


class StoredAnswer(models.Model):
    """A reporter's answer in the conversation with the desk; a database trigger writes the row.

    `came_at` is when it arrived, `read_at` and `read_by` when and by whom it was read first. `weighed_at` is
    when the report's priority was queued to be computed again because of it. None until then.
    """

    message_id = models.UUIDField(primary_key=True)
    report_id = models.UUIDField()
    desk_id = models.IntegerField()
    came_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    read_by = models.UUIDField(null=True)
    weighed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "orient_answer"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} {self.message_id}"


class StoredNote(models.Model):
    """A note that a person of the desk wrote on a report, or on a dossier; append-only by trigger.

    `dossier_id` is None for a note on one report; `report_ids` are the reports of the dossier at that time.
    The text is in `orient_note_words`, until it expires; its `digest` stays here.
    """

    id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    dossier_id = models.UUIDField(null=True)
    report_ids = ArrayField(models.UUIDField())
    author_id = models.UUIDField()
    written_at = models.DateTimeField()
    digest = models.BinaryField()

    class Meta:
        db_table = "orient_note"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class StoredView(models.Model):
    """A view of the queue that a person saved, for themselves or, if `shared`, for their desk.

    `view` is a `QueueView`; `folded` is the name in lower case, unique for its owner. Filters: `kind`,
    `channel`, `country` and `level` have columns ("" for none), `more` holds the others as texts by name.
    """

    id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    person_id = models.UUIDField()
    shared = models.BooleanField()
    name = models.TextField()
    folded = models.TextField()
    view = models.TextField()
    kind = models.TextField(default="")
    channel = models.TextField(default="")
    country = models.TextField(default="")
    level = models.TextField(default="")
    more = models.JSONField(default=dict)
    saved_at = models.DateTimeField()

    class Meta:
        db_table = "orient_view"
        managed = False

    def __str__(self) -> str:
        return self.name

    def stated(self) -> dict[str, str]:
        """Return the view's filters by name, as texts of a query string; `filters_from` reads them."""
        own = {"kind": self.kind, "channel": self.channel}
        return {**self.more, **own, "country": self.country, "level": self.level}

    def record(self) -> records.SavedView:
        """Return the row as a `records.SavedView`, with its filters parsed."""
        return records.SavedView(
            id=self.id,
            desk_id=self.desk_id,
            person_id=self.person_id,
            shared=self.shared,
            name=self.name,
            view=records.QueueView(self.view),
            filters=filters_from(self.stated()),
        )


class StoredAssignment(models.Model):
    """An assignment of a report to a person; the columns are the fields of `assignment.domain.Assignment`.

    It is seen once and ended once, and stays as history.
    """

    id = models.UUIDField(primary_key=True)
    report_id = models.UUIDField()
    desk_id = models.IntegerField()
    person_id = models.UUIDField()
    made_by = models.UUIDField()
    handed_over = models.BooleanField()
    former_id = models.UUIDField(null=True)
    act_id = models.UUIDField()
    note_id = models.UUIDField(null=True)
    made_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(null=True)
    outcome = models.TextField(default="")

    class Meta:
        db_table = "orient_assignment"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} {self.person_id}"


class StoredNotification(models.Model):
    """A notification of a person on a report; it is seen once and mailed once.

    `kind` is a `NotificationKind`. `by_id` is the author of the act, `dossier_id` the dossier of a note; None
    without. `seen_at` and `mailed_at` are None until then.
    """

    id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    person_id = models.UUIDField()
    kind = models.TextField()
    report_id = models.UUIDField()
    dossier_id = models.UUIDField(null=True)
    by_id = models.UUIDField(null=True)
    came_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "orient_notification"
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} {self.report_id}"


class StoredMailChoice(models.Model):
    """A person's choice of e-mails about new notifications; `choice` is a value of `MailChoice`."""

    person_id = models.UUIDField(primary_key=True)
    choice = models.TextField()

    class Meta:
        db_table = "orient_mail_choice"
        managed = False

    def __str__(self) -> str:
        return f"{self.person_id} {self.choice}"


class NoteWords(models.Model):
    """The text of a note (`words`); the row is deleted at expiry, and the full-text index of the text with
    it.
    """

    note = models.OneToOneField(
        StoredNote, on_delete=models.PROTECT, primary_key=True, related_name="text"
    )
    words = models.TextField()

    class Meta:
        db_table = "orient_note_words"
        managed = False

    def __str__(self) -> str:
        return str(self.note_id)
