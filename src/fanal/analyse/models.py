"""Django models of the analyse tables; migration 0001 creates them, since Django knows no partitions."""

from django.db import models


class Result(models.Model):
    """An analysis of a report; each new computation adds a row with the next `revision` (from 1).

    `findings` is zlib-compressed JSON (`pack_findings`); `rule_version` is the version of all rules and lists
    applied.
    """

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
    """A priority of a report; each new computation adds a row with the next `revision` (from 1).

    `score` is 0 to 100, `level` its code (DANGER, HIGH, NORMAL, LOW), `floor` the code of the rule that set a
    minimum score, None without. `parts` are the points of the single rules (`pack_parts`), `rule_version` is
    the version of the set of rules.
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
    """A list of known hashes or addresses; `version` grows by one with each change of its content."""

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
    """A value (hash or address) of an item in a list of known material.

    `item_id` is common to all values of the item; `kind` is that of the value, such as SHA256 or URL.
    `classification` is the item's category in the list's vocabulary, `scope` MATCH (known material) or CLEAR
    (known false alarm). A withdrawn value stays as a tombstone with `withdrawn_at`, for the readers of the
    change feed.
    """

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
    """A set of priority rules; its text never changes.

    `version` is its name, `body` the TOML text, `source` the name of the shipped file it came from, "" for a
    set that the desk drafted. `author_id` drafted it (the system for a shipped file). `state` is DRAFT,
    DRY_RUN (compared with the active set on past reports), ACTIVE or CLOSED. `dry_run` is the result of that
    comparison as JSON, None before. `proposer_id` is the author or, for a shipped file, the person who last
    ran the comparison.
    """

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
    """The activation of a set of priority rules (`ruleset_id`) by a second person (`approver_id`).

    The database refuses the set's author (`author_id`) and proposer as approver, except for the first
    activation, that of a shipped set by the system (`proposer_id` None). Append-only.
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
