"""Creates the tables of crosscheck: links and counts of related reports by month, dossiers, judgements."""

from django.db import migrations, models

CREATE = """
CREATE TABLE crosscheck_link (
    report_id uuid NOT NULL,
    other_id uuid NOT NULL,
    desk_id integer NOT NULL,
    other_desk_id integer NOT NULL,
    score real NOT NULL,
    rule_version text NOT NULL,
    reasons bytea NOT NULL,
    CONSTRAINT crosscheck_link_pkey PRIMARY KEY (report_id, other_id, rule_version),
    CONSTRAINT crosscheck_link_order CHECK (other_id < report_id),
    CONSTRAINT crosscheck_link_score CHECK (score BETWEEN 0 AND 1)
) PARTITION BY RANGE (report_id);
CREATE INDEX crosscheck_link_other ON crosscheck_link (other_id);
SELECT fanal_first_months('crosscheck_link');

CREATE TABLE crosscheck_kin (
    report_id uuid NOT NULL,
    linked_at timestamptz NOT NULL,
    desk_id integer NOT NULL,
    links smallint NOT NULL,
    suspects smallint NOT NULL,
    files smallint NOT NULL,
    strongest real NOT NULL,
    rule_version text NOT NULL,
    CONSTRAINT crosscheck_kin_pkey PRIMARY KEY (report_id, rule_version)
) PARTITION BY RANGE (report_id);
SELECT fanal_first_months('crosscheck_kin');

-- Several rows a count (`shard`): workers add at the same time without waiting for one another.
CREATE TABLE crosscheck_population (
    month date NOT NULL,
    kind text NOT NULL,
    role text NOT NULL,
    shard smallint NOT NULL,
    reports bigint NOT NULL,
    CONSTRAINT crosscheck_population_pkey PRIMARY KEY (month, kind, role, shard)
) WITH (fillfactor = 50);

CREATE TABLE crosscheck_dossier (
    id uuid NOT NULL,
    anchor_id uuid NOT NULL,
    desk_id integer NOT NULL,
    opened_at timestamptz NOT NULL,
    merged_into uuid,
    CONSTRAINT crosscheck_dossier_pkey PRIMARY KEY (id),
    CONSTRAINT crosscheck_dossier_anchor UNIQUE (anchor_id),
    CONSTRAINT crosscheck_dossier_merged CHECK (merged_into <> id)
);

CREATE TABLE crosscheck_membership (
    report_id uuid NOT NULL,
    dossier_id uuid NOT NULL,
    desk_id integer NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT crosscheck_membership_pkey PRIMARY KEY (report_id),
    CONSTRAINT crosscheck_membership_dossier FOREIGN KEY (dossier_id) REFERENCES crosscheck_dossier (id)
);
CREATE INDEX crosscheck_membership_of ON crosscheck_membership (dossier_id);

CREATE TABLE crosscheck_judgement (
    id uuid NOT NULL,
    act text NOT NULL,
    left_ids uuid[] NOT NULL,
    right_ids uuid[] NOT NULL,
    undoes uuid,
    author_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    reason_digest bytea NOT NULL,
    CONSTRAINT crosscheck_judgement_pkey PRIMARY KEY (id),
    CONSTRAINT crosscheck_judgement_act CHECK (
        act IN ('LINK', 'UNLINK', 'MERGE', 'SPLIT', 'REJECT', 'UNDO')),
    CONSTRAINT crosscheck_judgement_undoes CHECK ((act = 'UNDO') = (undoes IS NOT NULL)),
    CONSTRAINT crosscheck_judgement_undone FOREIGN KEY (undoes) REFERENCES crosscheck_judgement (id)
);
CREATE INDEX crosscheck_judgement_reports ON crosscheck_judgement
    USING gin ((left_ids || right_ids));
CREATE INDEX crosscheck_judgement_undo ON crosscheck_judgement (undoes) WHERE undoes IS NOT NULL;

-- The words of a judgement expire with its reports; the judgement keeps their keyed digest.
CREATE TABLE crosscheck_reason (
    judgement_id uuid NOT NULL,
    reason text NOT NULL,
    CONSTRAINT crosscheck_reason_pkey PRIMARY KEY (judgement_id),
    CONSTRAINT crosscheck_reason_judgement FOREIGN KEY (judgement_id)
        REFERENCES crosscheck_judgement (id),
    CONSTRAINT crosscheck_reason_length CHECK (length(reason) BETWEEN 1 AND 2000)
);

CREATE FUNCTION crosscheck_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a judgement stays: write another one' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER crosscheck_judgement_stays BEFORE UPDATE OR DELETE ON crosscheck_judgement
    FOR EACH ROW EXECUTE FUNCTION crosscheck_append_only();
"""

DROP = """
DROP TABLE crosscheck_reason, crosscheck_judgement, crosscheck_membership, crosscheck_dossier,
    crosscheck_population, crosscheck_kin, crosscheck_link;
DROP FUNCTION crosscheck_append_only;
"""

STATE = [
    migrations.CreateModel(
        name="Dossier",
        fields=[
            ("id", models.UUIDField(primary_key=True, serialize=False)),
            ("anchor_id", models.UUIDField(unique=True)),
            ("desk_id", models.IntegerField()),
            ("opened_at", models.DateTimeField()),
            ("merged_into", models.UUIDField(null=True)),
        ],
        options={"db_table": "crosscheck_dossier", "managed": False},
    ),
    migrations.CreateModel(
        name="StoredLink",
        fields=[
            ("pk", models.CompositePrimaryKey("report_id", "other_id", "rule_version", blank=True, editable=False, primary_key=True, serialize=False)),
            ("report_id", models.UUIDField()),
            ("other_id", models.UUIDField()),
            ("desk_id", models.IntegerField()),
            ("other_desk_id", models.IntegerField()),
            ("score", models.FloatField()),
            ("rule_version", models.TextField()),
            ("reasons", models.BinaryField()),
        ],
        options={"db_table": "crosscheck_link", "managed": False},
    ),
    migrations.CreateModel(
        name="StoredJudgement",
        fields=[
            ("id", models.UUIDField(primary_key=True, serialize=False)),
            ("act", models.TextField()),
            ("undoes", models.UUIDField(null=True)),
            ("author_id", models.UUIDField()),
            ("made_at", models.DateTimeField()),
            ("reason_digest", models.BinaryField()),
        ],
        options={"db_table": "crosscheck_judgement", "managed": False},
    ),
]


class Migration(migrations.Migration):
    initial = True
    dependencies = [("intake", "0001_initial"), ("harmonise", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP), *STATE]
