"""Django models of the tables of statistics: counts by day, without any id of a report, act or person."""

from django.db import models


class Daily(models.Model):
    """The count `n` of a figure on a past day (Europe/Paris), by the codes of its two dimensions.

    `first` and `second` are these codes, "" for a dimension that the figure lacks.
    """

    pk = models.CompositePrimaryKey("figure", "day", "first", "second")
    figure = models.TextField()
    day = models.DateField()
    first = models.TextField()
    second = models.TextField()
    n = models.IntegerField()

    class Meta:
        db_table = "statistics_daily"
        managed = False

    def __str__(self) -> str:
        return f"{self.figure} {self.day}"


class Counted(models.Model):
    """The range of past days (`first` to `until`, excluded) for which counts of a figure are stored.

    `counted_at` is when they were computed.
    """

    figure = models.TextField(primary_key=True)
    first = models.DateField()
    until = models.DateField()
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "statistics_counted"
        managed = False

    def __str__(self) -> str:
        return f"{self.figure} until {self.until}"


class Published(models.Model):
    """A number of a public figure for a month or quarter, published at `published_at`.

    `month` is the first day of that period, `code` what is counted (a code of the figure, or TOTAL). `n` is
    NULL if suppressed as too small.
    """

    pk = models.CompositePrimaryKey("figure", "month", "code")
    figure = models.TextField()
    month = models.DateField()
    code = models.TextField()
    n = models.IntegerField(null=True)
    published_at = models.DateTimeField()

    class Meta:
        db_table = "statistics_published"
        managed = False

    def __str__(self) -> str:
        return f"{self.figure} {self.month}"
