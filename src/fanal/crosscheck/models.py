"""Django models of the cross-check tables. Migration 0001 creates them, partitioned, in SQL."""

from django.db import models


class Dossier(models.Model):
    """A dossier: a group of reports that belong together, identified by its earliest report (`anchor_id`).

    `desk_id` is that report's desk, `opened_at` when the dossier was created. `merged_into` is the dossier
    that replaces it after a merge.
    """

    id = models.UUIDField(primary_key=True)
    anchor_id = models.UUIDField(unique=True)
    desk_id = models.IntegerField()
    opened_at = models.DateTimeField()
    merged_into = models.UUIDField(null=True)

    class Meta:
        db_table = "crosscheck_dossier"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class StoredLink(models.Model):
    """A link from the later report (`report_id`) to the earlier (`other_id`), found by a version of the rule.

    `desk_id` and `other_desk_id` are their desks. `score` is 0 to 1, certain from 0.9. `reasons` are packed
    by `domain.records.pack_reasons`.
    """

    pk = models.CompositePrimaryKey("report_id", "other_id", "rule_version")
    report_id = models.UUIDField()
    other_id = models.UUIDField()
    desk_id = models.IntegerField()
    other_desk_id = models.IntegerField()
    score = models.FloatField()
    rule_version = models.TextField()
    reasons = models.BinaryField()

    class Meta:
        db_table = "crosscheck_link"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} → {self.other_id}"


class StoredJudgement(models.Model):
    """A person's decision on links or dossiers; append-only. `act` is a `JudgementAct`.

    `undoes` is the id of the judgement that an UNDO revokes; `reason_digest` is that of the written reason,
    which is stored elsewhere and expires.
    """

    id = models.UUIDField(primary_key=True)
    act = models.TextField()
    undoes = models.UUIDField(null=True)
    author_id = models.UUIDField()
    made_at = models.DateTimeField()
    reason_digest = models.BinaryField()

    class Meta:
        db_table = "crosscheck_judgement"
        managed = False

    def __str__(self) -> str:
        return f"{self.act} {self.id}"
