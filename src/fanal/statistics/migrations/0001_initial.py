"""Creates the tables of statistics: daily counts, days already counted, and published figures."""

from django.db import migrations

SQL = """
CREATE TABLE statistics_daily (
    figure text NOT NULL,
    day date NOT NULL,
    first text NOT NULL,
    second text NOT NULL,
    n integer NOT NULL,
    CONSTRAINT statistics_daily_pkey PRIMARY KEY (figure, day, first, second),
    CONSTRAINT statistics_daily_n CHECK (n >= 0)
);

CREATE TABLE statistics_counted (
    figure text NOT NULL,
    first date NOT NULL,
    until date NOT NULL,
    counted_at timestamptz NOT NULL,
    CONSTRAINT statistics_counted_pkey PRIMARY KEY (figure),
    CONSTRAINT statistics_counted_order CHECK (first <= until)
);

CREATE TABLE statistics_published (
    figure text NOT NULL,
    month date NOT NULL,
    code text NOT NULL,
    n integer,
    published_at timestamptz NOT NULL,
    CONSTRAINT statistics_published_pkey PRIMARY KEY (figure, month, code),
    CONSTRAINT statistics_published_small CHECK (n = 0 OR n >= 5),
    CONSTRAINT statistics_published_month CHECK (extract(day FROM month) = 1)
);
"""


class Migration(migrations.Migration):
    """The models are unmanaged: constraints are written in SQL."""

    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
