"""Tables of statistics (written in migration 0001): counts, never an object or a person."""

from django.db import models


class Daily(models.Model):
    """The count of a closed day (Europe/Paris) of one figure, by two codes."""

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
    """From which day to which (excluded) the closed days of a figure are held."""

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
    """A figure that the public may read: a complete month; `n` is NULL where it is hidden."""

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
