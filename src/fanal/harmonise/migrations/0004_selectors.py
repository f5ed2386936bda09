"""Drops the primary key of selectors: one prefix index serves the search, and file hashes need no row.

A value is stored if no row contains it. Two writers at the same moment may both store it: a search returns
it once, and erasure deletes both rows. File hashes are searched by key.
"""

from django.db import migrations

FORWARD = r"""
DELETE FROM harmonise_selector WHERE kind IN ('SHA256', 'SHA1', 'MD5', 'PDQ');
ALTER TABLE harmonise_selector DROP CONSTRAINT harmonise_selector_pkey;

-- Values whose key is one of `exact` (of the kinds, in their order), then those that begin with a prefix,
-- with how often they were seen at the desks, up to `most`. The prefix side walks its index in order and
-- stops at the limit. `whole` is the text asked for, escaped for LIKE, and a percent sign.
CREATE OR REPLACE FUNCTION harmonise_find_selectors(
    exact uuid[], kinds text[], prefix text, whole text, desks integer[], most integer, up_to integer)
RETURNS TABLE (key uuid, kind text, value text, seen bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE $query$
        WITH candidate AS (
            SELECT e.key, e.kind, regexp_replace(left($4, -1), '\\(.)', '\1', 'g') AS value, 0 AS place
            FROM unnest($1, $2) AS e (key, kind)
            UNION ALL
            SELECT DISTINCT ON (b.key) b.key, b.kind, b.value, 1 FROM (
                SELECT key, kind, value FROM harmonise_selector c
                WHERE left(value, 100) LIKE $3 AND value LIKE $4
                  AND kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ') AND kind = ANY ($2)
                  AND key <> ALL ($1)
                  AND EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = c.key
                              AND ($5 IS NULL OR t.desk_id = ANY ($5)))
                ORDER BY left(value, 100) USING ~<~ LIMIT $6
            ) b
        )
        SELECT c.key, c.kind, c.value, seen.n FROM candidate c
        CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM (
                SELECT FROM harmonise_sighting t
                WHERE t.key = c.key AND ($5 IS NULL OR t.desk_id = ANY ($5)) LIMIT $7
            ) few
        ) seen
        WHERE seen.n > 0
        ORDER BY c.place, c.value, c.kind LIMIT $6
    $query$ USING exact, kinds, prefix, whole, fanal_shown(desks), most, up_to;
END
$$;
"""

BACKWARD = """
DELETE FROM harmonise_selector a USING harmonise_selector b WHERE a.key = b.key AND a.ctid > b.ctid;
ALTER TABLE harmonise_selector ADD CONSTRAINT harmonise_selector_pkey PRIMARY KEY (key);
"""


class Migration(migrations.Migration):
    """Drops a constraint, and replaces a function."""

    dependencies = [("harmonise", "0003_search")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
