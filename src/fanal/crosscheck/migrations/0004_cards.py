"""Creates the tables of reports' comparable data, of document frequencies and of answers to suggestions.

It drops the table of populations, which are no longer measured.
"""

from django.db import migrations

SQL = """
CREATE TABLE crosscheck_card (
    report_id uuid NOT NULL,
    desk_id integer NOT NULL,
    version text NOT NULL,
    card bytea NOT NULL,
    CONSTRAINT crosscheck_card_pkey PRIMARY KEY (report_id)
) PARTITION BY RANGE (report_id);
SELECT fanal_first_months('crosscheck_card');

-- Keyed by the first eight octets of a selector's key: no value can be read here.
CREATE TABLE crosscheck_value (
    key bigint NOT NULL,
    step smallint NOT NULL,
    hub boolean NOT NULL,
    companions bytea NOT NULL,
    CONSTRAINT crosscheck_value_pkey PRIMARY KEY (key)
);

-- What a rejected or accepted suggestion rested on, as the first eight octets of a digest of each reason.
CREATE TABLE crosscheck_answer (
    judgement_id uuid NOT NULL,
    report_id uuid NOT NULL,
    other_id uuid NOT NULL,
    accepted boolean NOT NULL,
    score real NOT NULL,
    evidence bigint[] NOT NULL,
    CONSTRAINT crosscheck_answer_pkey PRIMARY KEY (judgement_id, report_id, other_id),
    CONSTRAINT crosscheck_answer_order CHECK (other_id < report_id),
    CONSTRAINT crosscheck_answer_judgement FOREIGN KEY (judgement_id)
        REFERENCES crosscheck_judgement (id)
);
CREATE INDEX crosscheck_answer_pair ON crosscheck_answer (report_id, other_id);
CREATE INDEX crosscheck_answer_other ON crosscheck_answer (other_id);

CREATE INDEX crosscheck_link_desk_score ON crosscheck_link (desk_id, score);
DROP TABLE crosscheck_population;
"""

DROP = """
CREATE TABLE crosscheck_population (
    month date NOT NULL,
    kind text NOT NULL,
    role text NOT NULL,
    shard smallint NOT NULL,
    reports bigint NOT NULL,
    CONSTRAINT crosscheck_population_pkey PRIMARY KEY (month, kind, role, shard)
) WITH (fillfactor = 50);
DROP INDEX crosscheck_link_desk_score;
DROP TABLE crosscheck_answer, crosscheck_value, crosscheck_card;
"""


class Migration(migrations.Migration):
    """Creates three tables, and drops one."""

    dependencies = [("crosscheck", "0003_conduct")]
    operations = [migrations.RunSQL(SQL, DROP)]
