"""Creates the tables of the ledger and the triggers that keep them append-only."""

from django.db import migrations

SQL = """
CREATE TABLE ledger_entry (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    db_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_id uuid NOT NULL,
    action text NOT NULL,
    verb text NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT ledger_entry_pkey PRIMARY KEY (id),
    CONSTRAINT ledger_entry_verb CHECK (verb IN ('COLLECTION', 'MODIFICATION', 'CONSULTATION',
        'COMMUNICATION', 'TRANSFER', 'INTERCONNECTION', 'ERASURE'))
);
CREATE INDEX ledger_entry_actor ON ledger_entry (actor_id, id);

-- No unique index on (entry, kind, object): `fanal ledger verify` sees a doubled row by the entry's root,
-- and bulk steps write one row a report here.
CREATE TABLE ledger_object (
    entry_id uuid NOT NULL,
    object_id uuid NOT NULL,
    kind text NOT NULL,
    digest bytea,
    CONSTRAINT ledger_object_digest CHECK (length(digest) BETWEEN 1 AND 32)
);
CREATE INDEX ledger_object_object ON ledger_object (object_id);
CREATE INDEX ledger_object_entry ON ledger_object USING brin (entry_id) WITH (pages_per_range = 16,
    autosummarize = on);

CREATE TABLE ledger_motive (
    entry_id uuid NOT NULL,
    motive text NOT NULL,
    CONSTRAINT ledger_motive_pkey PRIMARY KEY (entry_id),
    CONSTRAINT ledger_motive_length CHECK (length(motive) BETWEEN 1 AND 2000)
);

CREATE TABLE ledger_pending (
    entry_id uuid NOT NULL,
    CONSTRAINT ledger_pending_pkey PRIMARY KEY (entry_id)
);

CREATE TABLE ledger_chain (
    seq bigint NOT NULL,
    entry_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    numbered_at timestamptz NOT NULL,
    leaf_hash bytea NOT NULL,
    prev_hash bytea NOT NULL,
    chain_hash bytea NOT NULL,
    CONSTRAINT ledger_chain_pkey PRIMARY KEY (seq),
    CONSTRAINT ledger_chain_entry UNIQUE (entry_id),
    CONSTRAINT ledger_chain_seq CHECK (seq > 0),
    CONSTRAINT ledger_chain_sizes CHECK (
        length(leaf_hash) = 32 AND length(prev_hash) = 32 AND length(chain_hash) = 32)
);

CREATE TABLE ledger_checkpoint (
    size bigint NOT NULL,
    root bytea NOT NULL,
    compact_range bytea NOT NULL,
    note text NOT NULL,
    signed_at timestamptz NOT NULL,
    CONSTRAINT ledger_checkpoint_pkey PRIMARY KEY (size),
    CONSTRAINT ledger_checkpoint_root CHECK (length(root) = 32 AND length(compact_range) % 32 = 0)
);

-- Whoever inserts an entry queues it for its number, without a right on the queue.
CREATE FUNCTION ledger_queue_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.ledger_pending (entry_id) SELECT id FROM added;
    RETURN NULL;
END
$$;
CREATE TRIGGER ledger_entry_queued AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_queue_entry();

CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
"""

APPEND_ONLY = ("ledger_entry", "ledger_object", "ledger_chain", "ledger_checkpoint")

TRIGGERS = "".join(
    f"""
CREATE TRIGGER {table}_rows_stay BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""
    for table in APPEND_ONLY
)


class Migration(migrations.Migration):
    """The models are unmanaged: triggers and index types are written in SQL."""

    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(SQL + TRIGGERS, migrations.RunSQL.noop)]
