"""Tables of harmonised reports and of their identifiers, in SQL: Django cannot create partitioned tables."""

from django.db import models


class Record(models.Model):
    """A stored revision of a harmonised report, without its reporter's identity; `records.pack` encodes it.

    `record` is that encoding; the other columns serve queries: kind of incident, channel, `country`, whether
    the source declares an `emergency`. `written_at` is the time of the harmonisation, `occurred_from` and
    `occurred_until` bound the time of the incident, null if not stated. Texts not stated are empty.
    """

    pk = models.CompositePrimaryKey("report_id", "revision")
    report_id = models.UUIDField()
    revision = models.SmallIntegerField()
    desk_id = models.IntegerField()
    written_at = models.DateTimeField()
    occurred_from = models.DateTimeField(null=True)
    occurred_until = models.DateTimeField(null=True)
    emergency = models.BooleanField()
    kind = models.TextField()
    channel = models.TextField(default="")
    language = models.TextField(default="")
    country = models.TextField(default="")
    record = models.BinaryField()

    class Meta:
        db_table = "harmonise_record"
        managed = False

    def __str__(self) -> str:
        return f"{self.report_id} revision {self.revision}"


class StoredSelector(models.Model):
    """A selector (identifier to compare reports by), stored for prefix search.

    `key` is the digest of kind and value (`selector_key`).
    """

    key = models.UUIDField(primary_key=True)  # Django wants one; the table may hold a value twice
    kind = models.TextField()
    value = models.TextField()

    class Meta:
        db_table = "harmonise_selector"
        managed = False

    def __str__(self) -> str:
        return str(self.key)


class StoredSighting(models.Model):
    """The occurrence of a selector (identifier) in a report; `key` is that of the selector.

    `role`, whose value it is, is a number (`sightings.ROLE_CODES`). `weak`: found in free text only. `at` and
    `port` are the instant and port of its use, null if not stated.
    """

    pk = models.CompositePrimaryKey("key", "report_id", "role")
    key = models.UUIDField()
    report_id = models.UUIDField()
    desk_id = models.IntegerField()
    role = models.SmallIntegerField()
    weak = models.BooleanField()
    port = models.IntegerField(null=True)
    at = models.DateTimeField(null=True)

    class Meta:
        db_table = "harmonise_sighting"
        managed = False

    def __str__(self) -> str:
        return f"{self.key} in {self.report_id}"


class SearchText(models.Model):
    """The words of a report for full-text search.

    `words` is a PostgreSQL `tsvector`; the text itself is not stored here.
    """

    report_id = models.UUIDField(primary_key=True)
    desk_id = models.IntegerField()
    words = models.TextField()

    class Meta:
        db_table = "harmonise_text"
        managed = False

    def __str__(self) -> str:
        return str(self.report_id)
