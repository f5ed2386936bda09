"""Creates the tables of payments (payer, beneficiary, report) and of the payers' scores by desk."""

from django.db import migrations

FORWARD = """
-- Payer and beneficiary are digests of selectors or names: what they are stands in the report alone.
CREATE TABLE analyse_paid (
    report_id uuid NOT NULL,
    payer uuid NOT NULL,
    beneficiary uuid NOT NULL,
    desk_id integer NOT NULL,
    last_at timestamptz,
    CONSTRAINT analyse_paid_pkey PRIMARY KEY (report_id, payer, beneficiary)
);
CREATE INDEX analyse_paid_payer ON analyse_paid (desk_id, payer, report_id);
CREATE INDEX analyse_paid_beneficiary ON analyse_paid (desk_id, beneficiary, payer);
CREATE INDEX analyse_paid_last ON analyse_paid (desk_id, last_at);

-- The newest score of a payer at a desk: drawn from the reports, made anew when more is known.
CREATE TABLE analyse_payer (
    desk_id integer NOT NULL,
    payer uuid NOT NULL,
    report_id uuid NOT NULL,
    score real NOT NULL,
    typology text NOT NULL,
    suspected boolean NOT NULL,
    codes text[] NOT NULL,
    countries text[] NOT NULL,
    transfers integer NOT NULL,
    beneficiaries integer NOT NULL,
    total double precision NOT NULL,
    first_at timestamptz,
    last_at timestamptz,
    rule_version text NOT NULL,
    scored_at timestamptz NOT NULL,
    CONSTRAINT analyse_payer_pkey PRIMARY KEY (desk_id, payer),
    CONSTRAINT analyse_payer_score CHECK (score BETWEEN 0 AND 1)
);
CREATE INDEX analyse_payer_rank ON analyse_payer (desk_id, score DESC, payer);
CREATE INDEX analyse_payer_report ON analyse_payer (report_id);
"""


class Migration(migrations.Migration):
    """Creates the tables of payments and of payers' scores."""

    dependencies = [("analyse", "0006_trials")]
    operations = [migrations.RunSQL(FORWARD, "DROP TABLE analyse_payer, analyse_paid;")]
