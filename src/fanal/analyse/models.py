"""Django models of the analyse tables; migration 0001 creates them, since Django knows no partitions."""

from django.db import models


class Result(models.Model):
    """An analysis of a report in one revision; `findings` is zlib-compressed JSON (`pack_findings`)."""

    pk = models.CompositePrimaryKey("report_id", "revision")
    report_id = models.UUIDField()
    revision = models.SmallIntegerField()
    written_at = models.DateTimeField()
    rule_version = models.TextField()
    findings = models.BinaryField()

    class Meta:
        db_table = "analyse_result"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} revision {self.revision}"


class StoredPriority(models.Model):
    """A priority of a report in one revision; `parts` are the points of its rules, packed by `pack_parts`.

    `floor` is the code of the rule that set a minimum score.
    """

    pk = models.CompositePrimaryKey("report_id", "revision")
    report_id = models.UUIDField()
    revision = models.SmallIntegerField()
    written_at = models.DateTimeField()
    score = models.SmallIntegerField()
    level = models.TextField()
    floor = models.TextField(null=True)  # noqa: DJ001 - no floor is not the floor named ""
    rule_version = models.TextField()
    parts = models.BinaryField()

    class Meta:
        db_table = "analyse_priority"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} revision {self.revision}"


class KnownList(models.Model):
    """A list of known hashes or addresses; `version` grows with each change."""

    id = models.UUIDField(primary_key=True)
    name = models.TextField(unique=True)
    version = models.IntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "analyse_list"
        managed = False

    def __str__(self) -> str:
        return self.name


class Entry(models.Model):
    """A value (hash or address) of an item of a known-material list; withdrawn, it stays as a tombstone."""

    id = models.UUIDField(primary_key=True)
    list = models.ForeignKey(KnownList, on_delete=models.PROTECT)
    item_id = models.UUIDField()
    kind = models.TextField()
    value = models.TextField()
    classification = models.TextField()
    scope = models.TextField()
    added_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "analyse_entry"
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class RuleSet(models.Model):
    """A set of priority rules with its author and state; its text never changes."""

    id = models.UUIDField(primary_key=True)
    version = models.TextField(unique=True)
    body = models.TextField()
    author_id = models.UUIDField()
    drafted_at = models.DateTimeField()
    state = models.TextField()
    dry_run = models.BinaryField(null=True)
    source = models.TextField()
    proposer_id = models.UUIDField(null=True)

    class Meta:
        db_table = "analyse_ruleset"
        managed = False

    def __str__(self) -> str:
        return self.version


class Activation(models.Model):
    """The activation of a set of priority rules; its author or proposer is refused as approver.

    Excepted is the first activation, that of a shipped set by the system (`proposer_id` None).
    """

    ruleset_id = models.UUIDField(primary_key=True)
    author_id = models.UUIDField()
    proposer_id = models.UUIDField(null=True)
    approver_id = models.UUIDField()
    activated_at = models.DateTimeField()

    class Meta:
        db_table = "analyse_activation"
        managed = False

    def __str__(self) -> str:
        return str(self.ruleset_id)
