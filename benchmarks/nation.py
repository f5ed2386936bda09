"""A desk with a history, for benchmarks: millions of earlier reports, copied by SQL from a few real ones.

A sample goes through every stage; its rows are then inserted again for other reports, received over the
thirteen months before. A value held by one report of the sample is replaced in each copy, a value held by
several lasts for a few copies (a viral file of some weeks), and a value held by a tenth of the sample is
common to all. Tables with random index writes grow; append-only ones (records, proposals, results) cost the
same at a large desk and are left out.
"""

from datetime import timedelta

import psycopg

from fanal.kernel import clock

BYTES_PER_EARLIER = 16_000
"""Bytes that an earlier report takes in the tables that grow, indexes included."""

_MONTHS = timedelta(days=395)
_COPY = """
CREATE TEMP TABLE sample ON COMMIT DROP AS SELECT report_id, row_number() OVER (ORDER BY report_id) AS n
FROM crosscheck_kin;
CREATE TEMP TABLE holding ON COMMIT DROP AS
SELECT key, count(DISTINCT report_id) AS reports FROM harmonise_sighting GROUP BY key;
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT s.report_id AS old, c.copy, (
    lpad(to_hex(floor(extract(epoch FROM at.at) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(s.n || '/' || c.copy), 1, 3) || '8' || substr(md5(c.copy || '/' || s.n), 4, 15)
)::uuid AS id, at.at
FROM sample s
CROSS JOIN generate_series(1, %(copies)s) AS c (copy)
CROSS JOIN LATERAL (SELECT %(now)s::timestamptz - make_interval(
    secs => c.copy * %(seconds)s / (%(copies)s + 1.0) - s.n * 0.002) AS at) at;
CREATE TEMP TABLE other ON COMMIT DROP AS
SELECT h.key, CASE WHEN h.reports = 1 THEN 1 WHEN h.reports * 10 < (SELECT count(*) FROM sample) THEN 20 END
    AS lasts FROM holding h;
CREATE INDEX ON made (old);
ANALYZE sample, holding, made, other;

ALTER TABLE harmonise_sighting DROP CONSTRAINT harmonise_sighting_pkey;
INSERT INTO harmonise_sighting (key, report_id, desk_id, role, weak, port, at)
SELECT CASE WHEN o.lasts IS NULL THEN s.key ELSE md5(s.key::text || m.copy / o.lasts)::uuid END,
    m.id, s.desk_id, s.role, s.weak, s.port, s.at + (m.at - now())
FROM harmonise_sighting s JOIN made m ON m.old = s.report_id JOIN other o ON o.key = s.key;
ALTER TABLE harmonise_sighting
    ADD CONSTRAINT harmonise_sighting_pkey PRIMARY KEY (key, report_id, role);

DROP INDEX harmonise_selector_prefix;
INSERT INTO harmonise_selector (key, kind, value)
SELECT md5(v.key::text || c.copy)::uuid, v.kind, substr(md5(v.value || c.copy), 1, 5) || v.value
FROM harmonise_selector v JOIN other o ON o.key = v.key AND o.lasts IS NOT NULL
JOIN generate_series(1, %(copies)s) AS c (copy) ON c.copy %% o.lasts = 0;
CREATE INDEX harmonise_selector_prefix
    ON harmonise_selector (harmonise_skeleton(value) text_pattern_ops)
    WHERE kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ');

INSERT INTO harmonise_text (report_id, desk_id, words)
SELECT m.id, t.desk_id, t.words FROM harmonise_text t JOIN made m ON m.old = t.report_id ORDER BY m.id;
INSERT INTO crosscheck_link (report_id, other_id, desk_id, other_desk_id, score, rule_version, reasons)
SELECT m.id, o.id, l.desk_id, l.other_desk_id, l.score, l.rule_version, l.reasons
FROM crosscheck_link l JOIN made m ON m.old = l.report_id
JOIN made o ON o.old = l.other_id AND o.copy = m.copy WHERE o.id < m.id ORDER BY m.id;
INSERT INTO crosscheck_kin (
    report_id, linked_at, desk_id, links, suspects, files, strongest, rule_version)
SELECT m.id, m.at, k.desk_id, k.links, k.suspects, k.files, k.strongest, k.rule_version
FROM crosscheck_kin k JOIN made m ON m.old = k.report_id ORDER BY m.id;
INSERT INTO crosscheck_card (report_id, desk_id, version, card)
SELECT m.id, c.desk_id, c.version, c.card FROM crosscheck_card c JOIN made m ON m.old = c.report_id
ORDER BY m.id;
-- What passed its last step in the sample is very many's now: a desk remembers that too.
UPDATE crosscheck_value SET step = step + 1 WHERE step = (SELECT max(step) FROM crosscheck_value);

INSERT INTO intake_key (sender_id, kind, digest, fingerprint, report_id)
SELECT k.sender_id, k.kind, sha256(k.digest || m.id::text::bytea), k.fingerprint, m.id
FROM intake_key k JOIN made m ON m.old = k.report_id;
INSERT INTO intake_report (id, desk_id, sender_id, arrival, format, reference, state, received_at,
    changed_at, object_id, size)
SELECT m.id, r.desk_id, r.sender_id, r.arrival, r.format, 'earlier-' || m.id, r.state, m.at, m.at,
    m.id, r.size FROM intake_report r JOIN made m ON m.old = r.id ORDER BY m.id;
INSERT INTO orient_case (report_id, desk_id, rank, floor, level, reason, reason_parameters, kind,
    channel, platform, country, received_at, links, sender_id, due_at, late, proposal_revision)
SELECT m.id, c.desk_id, c.rank, c.floor, c.level, c.reason, c.reason_parameters, c.kind, c.channel,
    c.platform, c.country, m.at, c.links, c.sender_id, m.at + interval '90 days',
    m.at + interval '90 days' <= now(), 1
FROM orient_case c JOIN made m ON m.old = c.report_id ORDER BY m.id;
"""


def fill(address: str, *, earlier: int) -> int:
    """Copy the rows of the stored sample until `earlier` reports precede it; return the number of copies.

    The number of reports made is a multiple of the sample. `address` is the owner's database URL.
    """
    with psycopg.connect(address, cursor_factory=psycopg.ClientCursor) as owner:
        row = owner.execute("SELECT count(*) FROM crosscheck_kin").fetchone()
        sample = int(row[0]) if row else 0
        copies = -(-earlier // sample)
        owner.execute("SET LOCAL work_mem = '256MB'; SET LOCAL maintenance_work_mem = '1GB'")
        owner.execute(
            _COPY,
            {"copies": copies, "now": clock.now(), "seconds": _MONTHS.total_seconds()},
        )
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
    return copies * sample
