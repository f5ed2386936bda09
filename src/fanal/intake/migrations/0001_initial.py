"""Creates the tables of intake, and the functions that create monthly partitions for every stage."""

from django.db import migrations

SQL = """
CREATE FUNCTION fanal_lowest_id(instant timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM instant) * 1000)::bigint), 12, '0')
            || '00000000000000000000')::uuid
$$;

-- One partition a month (UTC) from `first` to `last`, both included; those that exist are left alone.
-- SECURITY DEFINER: the worker makes next months without a right to create tables.
CREATE FUNCTION fanal_ensure_months(parent regclass, first date, last date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date := date_trunc('month', first)::date;
    name text;
    made integer := 0;
BEGIN
    WHILE month <= last LOOP
        name := format('%s_%s', parent::text, to_char(month, 'YYYYMM'));
        IF to_regclass(name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
                name, parent,
                fanal_lowest_id(month::timestamp AT TIME ZONE 'UTC'),
                fanal_lowest_id((month + interval '1 month') AT TIME ZONE 'UTC'));
            made := made + 1;
        END IF;
        month := (month + interval '1 month')::date;
    END LOOP;
    RETURN made;
END
$$;

-- A partitioned table's default partition and its first months: two years back, a year ahead would cost
-- planning time, so three months ahead; the worker's schedule makes the next ones.
CREATE FUNCTION fanal_first_months(parent regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF %s DEFAULT', parent::text || '_default', parent);
    PERFORM fanal_ensure_months(
        parent, (now() - interval '24 months')::date, (now() + interval '3 months')::date);
END
$$;

-- The next months of every range-partitioned table, for the worker's schedule. It runs with the owner's
-- rights, since the worker may make no table, and takes nothing but a date.
CREATE FUNCTION fanal_next_months(until date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent regclass;
    made integer := 0;
BEGIN
    IF until > (now() + interval '2 years')::date THEN
        RAISE EXCEPTION 'partitions are made two years ahead at most';
    END IF;
    FOR parent IN SELECT partrelid::regclass FROM pg_partitioned_table WHERE partstrat = 'r' LOOP
        made := made + fanal_ensure_months(parent, now()::date, until);
    END LOOP;
    RETURN made;
END
$$;

CREATE TABLE intake_report (
    id uuid NOT NULL,
    desk_id integer NOT NULL,
    sender_id uuid NOT NULL,
    arrival text NOT NULL,
    format text NOT NULL,
    reference text NOT NULL,
    wire_id bigint,
    state text NOT NULL,
    received_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    object_id uuid NOT NULL,
    identity_id uuid,
    size integer NOT NULL,
    urgent boolean NOT NULL DEFAULT false,
    is_test boolean NOT NULL DEFAULT false,
    slow_lane boolean NOT NULL DEFAULT false,
    language text NOT NULL DEFAULT '',
    correlation_id text NOT NULL DEFAULT '',
    erased_at timestamptz,
    CONSTRAINT intake_report_pkey PRIMARY KEY (id),
    CONSTRAINT intake_report_state CHECK (state IN ('OPEN', 'FINISHED', 'RETRACTED', 'EXPIRED')),
    CONSTRAINT intake_report_arrival CHECK (arrival IN ('FORM', 'API', 'WIRE', 'IMPORT')),
    CONSTRAINT intake_report_format CHECK (format IN ('form/1', 'report/1', 'ncmec-xml', 'ncmec-json'))
) PARTITION BY RANGE (id);
CREATE INDEX intake_report_open ON intake_report (changed_at) WHERE state = 'OPEN';
SELECT fanal_first_months('intake_report');

CREATE TABLE intake_key (
    sender_id uuid NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    fingerprint bytea NOT NULL,
    report_id uuid NOT NULL,
    CONSTRAINT intake_key_pkey PRIMARY KEY (sender_id, kind, digest),
    CONSTRAINT intake_key_kind CHECK (kind IN ('REFERENCE', 'IDEMPOTENCY', 'SUBMISSION'))
);
CREATE INDEX intake_key_report ON intake_key (report_id);

CREATE SEQUENCE intake_wire_id_seq START 1000001;
CREATE TABLE intake_wire (
    wire_id bigint PRIMARY KEY,
    sender_id uuid NOT NULL,
    report_id uuid NOT NULL
);

CREATE TABLE intake_work (
    report_id uuid PRIMARY KEY,
    stage text NOT NULL,
    urgent boolean NOT NULL DEFAULT false,
    slow_lane boolean NOT NULL DEFAULT false,
    attempts smallint NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT now(),
    lease_token uuid,
    lease_until timestamptz,
    quarantined_at timestamptz,
    error text NOT NULL DEFAULT '',
    CONSTRAINT intake_work_stage CHECK (
        stage IN ('HARMONISE', 'ANALYSE', 'CROSSCHECK', 'PRIORITISE', 'ORIENT'))
) WITH (fillfactor = 70);
CREATE INDEX intake_work_queue ON intake_work (stage, urgent DESC, slow_lane, report_id)
    WHERE quarantined_at IS NULL;
CREATE INDEX intake_work_urgent ON intake_work (report_id) WHERE urgent;

CREATE TABLE intake_receipt (
    report_id uuid PRIMARY KEY,
    lookup_hash bytea UNIQUE,
    public_key bytea,
    signed text NOT NULL
);

CREATE TABLE intake_message (
    id uuid PRIMARY KEY,
    report_id uuid NOT NULL,
    from_desk boolean NOT NULL,
    author_id uuid,
    created_at timestamptz NOT NULL,
    object_id uuid NOT NULL,
    for_reporter bytea,
    CONSTRAINT intake_message_author CHECK (from_desk = (author_id IS NOT NULL)),
    CONSTRAINT intake_message_sealed CHECK (from_desk = (for_reporter IS NOT NULL))
);
CREATE INDEX intake_message_report ON intake_message (report_id, id);

CREATE TABLE intake_upload (
    report_id uuid NOT NULL,
    file_id text NOT NULL,
    position integer NOT NULL,
    object_id uuid,
    name text NOT NULL DEFAULT '',
    size bigint,
    md5 text,
    sha1 text,
    sha256 text,
    details_id uuid,
    CONSTRAINT intake_upload_pkey PRIMARY KEY (report_id, file_id),
    -- A file is sealed here, or known by its details only (imported reports).
    CONSTRAINT intake_upload_known CHECK (object_id IS NOT NULL OR details_id IS NOT NULL)
);

-- A legal hold beats expiry for as long as one of a report's holds is not lifted.
CREATE TABLE intake_hold (
    id uuid PRIMARY KEY,
    report_id uuid NOT NULL,
    placed_by uuid NOT NULL,
    placed_at timestamptz NOT NULL,
    motive text NOT NULL,
    lifted_by uuid,
    lifted_at timestamptz,
    CONSTRAINT intake_hold_motive CHECK (motive <> ''),
    CONSTRAINT intake_hold_lifted CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
CREATE INDEX intake_hold_report ON intake_hold (report_id) WHERE lifted_at IS NULL;

CREATE TABLE intake_spent_challenge (
    digest bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
"""


class Migration(migrations.Migration):
    """The models are unmanaged: the tables are written in SQL, since Django does not support partitions."""

    initial = True
    dependencies = [("vault", "0001_initial"), ("ledger", "0001_initial")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
