"""Creates the tables of dry runs on past reports and of the re-ranking after an activation; both can resume."""

from django.db import migrations

FORWARD = """
-- A dry run: `reached` is the last report compared, `outcome` the counts so far (JSON).
CREATE TABLE analyse_trial (
    id uuid NOT NULL,
    ruleset_id uuid NOT NULL,
    author_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    rules_in_force text NOT NULL,
    total integer NOT NULL,
    reached uuid,
    outcome bytea NOT NULL,
    finished_at timestamptz,
    CONSTRAINT analyse_trial_pkey PRIMARY KEY (id),
    CONSTRAINT analyse_trial_ruleset FOREIGN KEY (ruleset_id) REFERENCES analyse_ruleset (id)
);
CREATE UNIQUE INDEX analyse_trial_one ON analyse_trial (ruleset_id) WHERE finished_at IS NULL;

-- Both results of every report that would move; one that is not here keeps its score.
CREATE TABLE analyse_trial_change (
    trial_id uuid NOT NULL,
    report_id uuid NOT NULL,
    score_before smallint NOT NULL,
    score_after smallint NOT NULL,
    level_before text NOT NULL,
    level_after text NOT NULL,
    because bytea NOT NULL,
    CONSTRAINT analyse_trial_change_pkey PRIMARY KEY (trial_id, report_id),
    CONSTRAINT analyse_trial_change_trial FOREIGN KEY (trial_id) REFERENCES analyse_trial (id)
);
CREATE INDEX analyse_trial_change_most ON analyse_trial_change
    (trial_id, (abs(score_after - score_before)) DESC, report_id);

-- The waiting reports are ranked anew under the set put in force: `reached` in this pass, and how many so far.
CREATE TABLE analyse_rerank (
    ruleset_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    reached uuid,
    changed integer NOT NULL DEFAULT 0,
    in_pass integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    CONSTRAINT analyse_rerank_pkey PRIMARY KEY (ruleset_id),
    CONSTRAINT analyse_rerank_ruleset FOREIGN KEY (ruleset_id) REFERENCES analyse_ruleset (id)
);
"""


class Migration(migrations.Migration):
    """Creates the tables of dry runs, of their score changes, and of the re-ranking."""

    dependencies = [("analyse", "0005_photodna")]
    operations = [
        migrations.RunSQL(
            FORWARD, "DROP TABLE analyse_rerank, analyse_trial_change, analyse_trial;"
        )
    ]
