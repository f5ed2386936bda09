"""Moves referrals and sheets to the common tables of casework, and drops their own."""

from django.db import migrations

_GUARDED = ("casework_act", "casework_document", "casework_step")
# Rows of the past were guarded as they came in; who took their steps may have left office since.
QUIET = "".join(f"ALTER TABLE {table} DISABLE TRIGGER USER;" for table in _GUARDED)
AWAKE = "".join(f"ALTER TABLE {table} ENABLE TRIGGER USER;" for table in _GUARDED)

MOVE = """
INSERT INTO casework_kind (kind, initial, proposers) VALUES ('referral', 'DRAFT', '{}'), ('sheet', 'DRAFT', '{}')
    ON CONFLICT DO NOTHING;
INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, decision_id, state, addressee, basis, level,
        author_id, created_at, sent_at, outcome)
    SELECT id, 'referral', desk_id, report_id, ARRAY[report_id], decision_id, state, body, bases, level,
        author_id, created_at, sent_at, outcome FROM judicial_referral;
INSERT INTO casework_document (act_id, revision, content, author_id, written_at)
    SELECT r.id, 1, convert_to('{"facts":' || convert_from(t.facts, 'UTF8') || ',"summary":'
            || to_json(t.summary)::text || '}', 'UTF8'), r.author_id, r.created_at
    FROM judicial_text t JOIN judicial_referral r ON r.id = t.referral_id;
INSERT INTO casework_step (id, act_id, transition, source, target, revision, actor_id, happened_at, recorded_at,
        db_at, addressee, outcome, proof)
    SELECT id, referral_id, move, source, target, 1, actor_id, happened_at, recorded_at, db_at, body, outcome,
        proof FROM judicial_step;

INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, state, addressee, basis, level, author_id,
        created_at, sent_at)
    SELECT id, 'sheet', desk_id, payer, report_ids, state, body, digest, 'NORMAL', author_id, created_at, sent_at
    FROM judicial_sheet;
INSERT INTO casework_document (act_id, revision, content, author_id, written_at)
    SELECT h.id, 1, convert_to('{"facts":' || convert_from(w.facts, 'UTF8') || ',"summary":'
            || to_json(w.summary)::text || '}', 'UTF8'), h.author_id, h.created_at
    FROM judicial_sheet_words w JOIN judicial_sheet h ON h.id = w.sheet_id;
INSERT INTO casework_step (id, act_id, transition, source, target, revision, actor_id, happened_at, recorded_at,
        db_at, addressee, proof)
    SELECT id, sheet_id, move, source, target, 1, actor_id, happened_at, recorded_at, db_at, body, proof
    FROM judicial_sheet_step;

DROP FUNCTION judicial_erase_words;
DROP TABLE judicial_step, judicial_text, judicial_referral, judicial_sheet_step, judicial_sheet_words,
    judicial_sheet;
DROP FUNCTION judicial_referral_bound, judicial_step_guard, judicial_step_take, judicial_text_keep,
    judicial_sheet_bound, judicial_sheet_step_guard, judicial_sheet_step_take, judicial_sheet_words_keep,
    judicial_append_only;
"""
ONE = """
-- A decision opens one referral.
CREATE UNIQUE INDEX casework_act_referral ON casework_act (decision_id) WHERE kind = 'referral';
"""


class Migration(migrations.Migration):
    """Not reversible: the earlier tables are dropped."""

    dependencies = [("judicial", "0004_steps"), ("casework", "0001_initial")]
    operations = [migrations.RunSQL(QUIET + MOVE + AWAKE + ONE)]
