"""Makes the search for selectors case-insensitive; stored values keep their case.

Values are lower-cased for ASCII only (collation "C"); other letters of identifiers are folded when they are
read.
"""

from django.db import migrations

FORWARD = """
DROP INDEX harmonise_selector_prefix;
CREATE INDEX harmonise_selector_prefix
    ON harmonise_selector (lower(left(value, 100) COLLATE "C") text_pattern_ops)
    WHERE kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ');

-- Values whose key is one of `exact` (of the kinds and as spelled, in their order), then those that begin in
-- lower case with a prefix, with how often they were seen at the desks, up to `up_to`. The prefix side walks
-- its index in order and stops at the limit. `whole` is the text asked for, escaped for LIKE, and a percent
-- sign.
DROP FUNCTION harmonise_find_selectors;
CREATE FUNCTION harmonise_find_selectors(
    exact uuid[], kinds text[], spelled text[], prefix text, whole text, desks integer[], most integer,
    up_to integer)
RETURNS TABLE (key uuid, kind text, value text, seen bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE $query$
        WITH candidate AS (
            SELECT e.key, e.kind, e.value, 0 AS place FROM unnest($1, $2, $8) AS e (key, kind, value)
            UNION ALL
            SELECT DISTINCT ON (b.key) b.key, b.kind, b.value, 1 FROM (
                SELECT key, kind, value FROM harmonise_selector c
                WHERE lower(left(value, 100) COLLATE "C") LIKE $3
                  AND lower(value COLLATE "C") LIKE $4
                  AND kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ') AND kind = ANY ($2)
                  AND key <> ALL ($1)
                  AND EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = c.key
                              AND ($5 IS NULL OR t.desk_id = ANY ($5)))
                ORDER BY lower(left(value, 100) COLLATE "C") USING ~<~ LIMIT $6
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
    $query$ USING exact, kinds, prefix, whole, fanal_shown(desks), most, up_to, spelled;
END
$$;
"""

BACKWARD = r"""
DROP INDEX harmonise_selector_prefix;
CREATE INDEX harmonise_selector_prefix ON harmonise_selector (left(value, 100) text_pattern_ops)
    WHERE kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ');

DROP FUNCTION harmonise_find_selectors;
CREATE FUNCTION harmonise_find_selectors(
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


class Migration(migrations.Migration):
    """Replaces an index and a function."""

    dependencies = [("harmonise", "0004_selectors")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
