"""Creates the append-only tables of oversight: sessions, their events, recommendations and answers."""

from django.db import migrations

SQL = """
CREATE TABLE measures_session (
    id uuid NOT NULL,
    overseer_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    population integer NOT NULL,
    sample uuid[] NOT NULL,
    CONSTRAINT measures_session_pkey PRIMARY KEY (id),
    CONSTRAINT measures_session_sample CHECK (cardinality(sample) <= population)
);
CREATE INDEX measures_session_overseer ON measures_session (overseer_id, id);

CREATE TABLE measures_happening (
    id uuid NOT NULL,
    session_id uuid NOT NULL,
    what text NOT NULL,
    measure_id uuid,
    at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- orders what happened in one instant
    CONSTRAINT measures_happening_pkey PRIMARY KEY (id),
    CONSTRAINT measures_happening_session FOREIGN KEY (session_id) REFERENCES measures_session (id),
    CONSTRAINT measures_happening_what CHECK (
        what IN ('SEEN', 'AGREED', 'RECOMMENDED', 'PAUSED', 'RESUMED', 'ENDED')),
    CONSTRAINT measures_happening_measure CHECK (
        (what IN ('SEEN', 'AGREED', 'RECOMMENDED')) = (measure_id IS NOT NULL)),
    CONSTRAINT measures_happening_once UNIQUE NULLS NOT DISTINCT (session_id, what, measure_id, at)
);
CREATE UNIQUE INDEX measures_happening_measure_once ON measures_happening (session_id, what, measure_id)
    WHERE measure_id IS NOT NULL;
CREATE UNIQUE INDEX measures_happening_one_end ON measures_happening (session_id) WHERE what = 'ENDED';

CREATE TABLE measures_recommendation (
    id uuid NOT NULL,
    measure_id uuid NOT NULL,
    desk_id integer NOT NULL,
    session_id uuid,
    kind text NOT NULL,
    words text NOT NULL,
    overseer_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT measures_recommendation_pkey PRIMARY KEY (id),
    CONSTRAINT measures_recommendation_measure FOREIGN KEY (measure_id) REFERENCES measures_measure (id),
    CONSTRAINT measures_recommendation_kind CHECK (kind IN ('END', 'CORRECT')),
    CONSTRAINT measures_recommendation_words CHECK (words <> '')
);
CREATE INDEX measures_recommendation_of ON measures_recommendation (measure_id, id);

CREATE TABLE measures_answer (
    recommendation_id uuid NOT NULL,
    verdict text NOT NULL,
    words text NOT NULL,
    person_id uuid NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT measures_answer_pkey PRIMARY KEY (recommendation_id),
    CONSTRAINT measures_answer_recommendation FOREIGN KEY (recommendation_id)
        REFERENCES measures_recommendation (id),
    CONSTRAINT measures_answer_verdict CHECK (verdict IN ('FOLLOWED', 'DECLINED')),
    CONSTRAINT measures_answer_words CHECK (words <> '')
);
"""
FREEZE = "\n".join(
    f"CREATE TRIGGER {table}_frozen BEFORE UPDATE OR DELETE ON {table}"
    f" FOR EACH ROW EXECUTE FUNCTION measures_append_only();\n"
    f"CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON {table}"
    f" FOR EACH STATEMENT EXECUTE FUNCTION measures_append_only();"
    for table in (
        "measures_session", "measures_happening", "measures_recommendation", "measures_answer",
    )
)


class Migration(migrations.Migration):
    """Written in SQL, like the other tables of measures (unmanaged models)."""

    dependencies = [("measures", "0001_initial")]
    operations = [migrations.RunSQL(SQL + FREEZE, migrations.RunSQL.noop)]
