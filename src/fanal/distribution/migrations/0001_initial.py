"""Creates the tables of distribution: recipients, packages, and a row for each report and destination."""

from django.db import migrations

SQL = """
CREATE TABLE distribution_recipient (
    id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Z0-9][A-Z0-9-]{1,39}$'),
    name text NOT NULL CHECK (name <> ''),
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    region text NOT NULL DEFAULT '',
    age_key text NOT NULL CHECK (age_key LIKE 'age1%'),
    added_by uuid NOT NULL,
    added_at timestamptz NOT NULL,
    closed_at timestamptz
);
-- One open desk a place: a report never leaves twice for the same destination.
CREATE UNIQUE INDEX distribution_recipient_place ON distribution_recipient (country, region)
    WHERE closed_at IS NULL;

CREATE TABLE distribution_package (
    id uuid PRIMARY KEY,
    recipient_id uuid NOT NULL REFERENCES distribution_recipient,
    instruction_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    reports integer NOT NULL CHECK (reports > 0),
    sha256 bytea NOT NULL,
    token_digest bytea NOT NULL,
    acknowledged_at timestamptz
);

CREATE TABLE distribution_item (
    report_id uuid NOT NULL,
    country text NOT NULL,
    region text NOT NULL DEFAULT '',
    because jsonb NOT NULL,
    rule_version text NOT NULL,
    planned_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'PLANNED',
    package_id uuid REFERENCES distribution_package,
    CONSTRAINT distribution_item_pkey PRIMARY KEY (report_id, country, region),
    CONSTRAINT distribution_item_state CHECK (
        state IN ('PLANNED', 'SENT', 'ACKNOWLEDGED', 'DROPPED')),
    CONSTRAINT distribution_item_package CHECK (
        (state IN ('SENT', 'ACKNOWLEDGED')) = (package_id IS NOT NULL))
);
CREATE INDEX distribution_item_planned ON distribution_item (country, region, report_id)
    WHERE state = 'PLANNED';
CREATE INDEX distribution_item_sent ON distribution_item (package_id) WHERE package_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("intake", "0001_initial"), ("accounts", "0004_instructions")]
    operations = [
        migrations.RunSQL(
            SQL,
            "DROP TABLE distribution_item, distribution_package, distribution_recipient;",
        )
    ]
