"""Creates the tables of analyse: results and priorities (monthly partitions by report id), lists, rule sets."""

from django.db import migrations, models

CREATE = """
CREATE TABLE analyse_result (
    report_id uuid NOT NULL,
    written_at timestamptz NOT NULL,
    revision smallint NOT NULL,
    rule_version text NOT NULL,
    findings bytea NOT NULL,
    CONSTRAINT analyse_result_pkey PRIMARY KEY (report_id, revision),
    CONSTRAINT analyse_result_revision CHECK (revision >= 1)
) PARTITION BY RANGE (report_id);
ALTER TABLE analyse_result ALTER COLUMN findings SET STORAGE EXTERNAL;
SELECT fanal_first_months('analyse_result');

CREATE TABLE analyse_priority (
    report_id uuid NOT NULL,
    written_at timestamptz NOT NULL,
    revision smallint NOT NULL,
    score smallint NOT NULL,
    level text NOT NULL,
    floor text,
    rule_version text NOT NULL,
    parts bytea NOT NULL,
    CONSTRAINT analyse_priority_pkey PRIMARY KEY (report_id, revision),
    CONSTRAINT analyse_priority_revision CHECK (revision >= 1),
    CONSTRAINT analyse_priority_score CHECK (score BETWEEN 0 AND 100),
    CONSTRAINT analyse_priority_danger CHECK (floor IS DISTINCT FROM 'CHILD_IN_DANGER' OR score >= 95),
    CONSTRAINT analyse_priority_level CHECK (level IN ('DANGER', 'HIGH', 'NORMAL', 'LOW'))
) PARTITION BY RANGE (report_id);
ALTER TABLE analyse_priority ALTER COLUMN parts SET STORAGE EXTERNAL;
SELECT fanal_first_months('analyse_priority');

CREATE TABLE analyse_list (
    id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL,
    CONSTRAINT analyse_list_pkey PRIMARY KEY (id),
    CONSTRAINT analyse_list_name UNIQUE (name),
    CONSTRAINT analyse_list_name_shape CHECK (length(name) BETWEEN 1 AND 100)
);

-- A line of a list's file is one item (`item_id`) and may hold several values.
CREATE TABLE analyse_entry (
    id uuid NOT NULL,
    list_id uuid NOT NULL,
    item_id uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    classification text NOT NULL DEFAULT '',
    scope text NOT NULL DEFAULT 'MATCH',
    added_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    CONSTRAINT analyse_entry_pkey PRIMARY KEY (id),
    CONSTRAINT analyse_entry_list FOREIGN KEY (list_id) REFERENCES analyse_list (id),
    CONSTRAINT analyse_entry_kind CHECK (
        kind IN ('SHA256', 'SHA1', 'MD5', 'PDQ', 'URL', 'HOST', 'DOMAIN')),
    CONSTRAINT analyse_entry_scope CHECK (scope IN ('MATCH', 'CLEAR'))
);
CREATE UNIQUE INDEX analyse_entry_value ON analyse_entry (list_id, kind, value)
    WHERE withdrawn_at IS NULL;
CREATE INDEX analyse_entry_item ON analyse_entry (item_id);

CREATE TABLE analyse_ruleset (
    id uuid NOT NULL,
    version text NOT NULL,
    body text NOT NULL,
    author_id uuid NOT NULL,
    drafted_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'DRAFT',
    dry_run bytea,
    CONSTRAINT analyse_ruleset_pkey PRIMARY KEY (id),
    CONSTRAINT analyse_ruleset_version UNIQUE (version),
    CONSTRAINT analyse_ruleset_author UNIQUE (id, author_id),
    CONSTRAINT analyse_ruleset_state CHECK (state IN ('DRAFT', 'DRY_RUN', 'ACTIVE', 'CLOSED'))
);
CREATE UNIQUE INDEX analyse_ruleset_one_active ON analyse_ruleset ((true)) WHERE state = 'ACTIVE';

-- Two people (as decision 13): the pair must be the rule set's own author, and never its approver.
CREATE TABLE analyse_activation (
    ruleset_id uuid NOT NULL,
    author_id uuid NOT NULL,
    approver_id uuid NOT NULL,
    activated_at timestamptz NOT NULL,
    CONSTRAINT analyse_activation_pkey PRIMARY KEY (ruleset_id),
    CONSTRAINT analyse_activation_ruleset FOREIGN KEY (ruleset_id, author_id)
        REFERENCES analyse_ruleset (id, author_id),
    CONSTRAINT analyse_activation_two_people CHECK (approver_id <> author_id)
);

CREATE FUNCTION analyse_keep_ruleset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.version, NEW.body, NEW.author_id, NEW.drafted_at)
        IS DISTINCT FROM (OLD.id, OLD.version, OLD.body, OLD.author_id, OLD.drafted_at) THEN
        RAISE EXCEPTION 'a rule set keeps its text and author' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'ACTIVE' AND NOT EXISTS (
        SELECT FROM analyse_activation a WHERE a.ruleset_id = NEW.id) THEN
        RAISE EXCEPTION 'a rule set needs a second person' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER analyse_ruleset_keep BEFORE UPDATE OR DELETE ON analyse_ruleset
    FOR EACH ROW EXECUTE FUNCTION analyse_keep_ruleset();
CREATE FUNCTION analyse_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an activation stays' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER analyse_activation_stays BEFORE UPDATE OR DELETE ON analyse_activation
    FOR EACH ROW EXECUTE FUNCTION analyse_append_only();
"""

DROP = """
DROP TABLE analyse_activation, analyse_ruleset, analyse_entry, analyse_list, analyse_priority,
    analyse_result;
DROP FUNCTION analyse_keep_ruleset, analyse_append_only;
"""

PAIR = models.CompositePrimaryKey("report_id", "revision", blank=True, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    initial = True
    dependencies = [("intake", "0001_initial")]
    operations = [
        migrations.RunSQL(CREATE, DROP),
        migrations.CreateModel(
            name="Result",
            fields=[
                ("pk", PAIR),
                ("report_id", models.UUIDField()),
                ("revision", models.SmallIntegerField()),
                ("written_at", models.DateTimeField()),
                ("rule_version", models.TextField()),
                ("findings", models.BinaryField()),
            ],
            options={"db_table": "analyse_result", "managed": False},
        ),
        migrations.CreateModel(
            name="StoredPriority",
            fields=[
                ("pk", PAIR.clone()),
                ("report_id", models.UUIDField()),
                ("revision", models.SmallIntegerField()),
                ("written_at", models.DateTimeField()),
                ("score", models.SmallIntegerField()),
                ("level", models.TextField()),
                ("floor", models.TextField(null=True)),
                ("rule_version", models.TextField()),
                ("parts", models.BinaryField()),
            ],
            options={"db_table": "analyse_priority", "managed": False},
        ),
        migrations.CreateModel(
            name="KnownList",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("name", models.TextField(unique=True)),
                ("version", models.IntegerField()),
                ("changed_at", models.DateTimeField()),
            ],
            options={"db_table": "analyse_list", "managed": False},
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("list", models.ForeignKey(on_delete=models.PROTECT, to="analyse.knownlist")),
                ("item_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("value", models.TextField()),
                ("classification", models.TextField()),
                ("scope", models.TextField()),
                ("added_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "analyse_entry", "managed": False},
        ),
        migrations.CreateModel(
            name="RuleSet",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("version", models.TextField(unique=True)),
                ("body", models.TextField()),
                ("author_id", models.UUIDField()),
                ("drafted_at", models.DateTimeField()),
                ("state", models.TextField()),
                ("dry_run", models.BinaryField(null=True)),
            ],
            options={"db_table": "analyse_ruleset", "managed": False},
        ),
        migrations.CreateModel(
            name="Activation",
            fields=[
                ("ruleset_id", models.UUIDField(primary_key=True, serialize=False)),
                ("author_id", models.UUIDField()),
                ("approver_id", models.UUIDField()),
                ("activated_at", models.DateTimeField()),
            ],
            options={"db_table": "analyse_activation", "managed": False},
        ),
    ]
