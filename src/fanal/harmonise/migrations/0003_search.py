"""Creates the search functions, which run with the owner's rights for the caller's desks only.

Under row-level security PostgreSQL evaluates the policy of every row before an operator that might reveal
the row. Full-text and prefix search are such operators: without these functions no index could be used for
them.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION harmonise_find_text(wanted tsquery, desks integer[], before uuid, most integer)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE
        'SELECT t.report_id FROM harmonise_text t WHERE t.words @@ $1'
        ' AND ($2 IS NULL OR t.desk_id = ANY ($2)) AND ($3 IS NULL OR t.report_id < $3)'
        ' ORDER BY t.report_id DESC LIMIT $4'
    USING wanted, fanal_shown(desks), before, most;
END
$$;

-- Selectors whose key is one of `exact`, then those whose value begins with a prefix, with how often they
-- were seen at the desks, up to `most`. The prefix side walks its index in order and stops at the limit.
CREATE FUNCTION harmonise_find_selectors(
    exact uuid[], kinds text[], prefix text, whole text, desks integer[], most integer, up_to integer)
RETURNS TABLE (key uuid, kind text, value text, seen bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE $query$
        WITH candidate AS (
            SELECT key, kind, value, 0 AS place FROM harmonise_selector WHERE key = ANY ($1)
            UNION ALL
            (SELECT key, kind, value, 1 FROM harmonise_selector c
             WHERE left(value, 100) LIKE $3 AND value LIKE $4
               AND kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ') AND kind = ANY ($2)
               AND key <> ALL ($1)
               AND EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = c.key
                           AND ($5 IS NULL OR t.desk_id = ANY ($5)))
             ORDER BY left(value, 100) USING ~<~ LIMIT $6)
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

-- For each key the desks where its newest sightings stand, `own` left out: existence and whom to ask.
CREATE FUNCTION harmonise_seen_elsewhere(keys uuid[], own integer[], newest integer)
RETURNS TABLE (key uuid, desks integer[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT wanted.key, array_agg(DISTINCT found.desk_id)
    FROM unnest(keys) AS wanted (key)
    CROSS JOIN LATERAL (SELECT t.desk_id FROM harmonise_sighting t WHERE t.key = wanted.key
                        ORDER BY t.report_id DESC LIMIT newest) found
    WHERE found.desk_id <> ALL (own) GROUP BY wanted.key
$$;
"""

DROP = """
DROP FUNCTION harmonise_seen_elsewhere, harmonise_find_selectors, harmonise_find_text;
"""


class Migration(migrations.Migration):
    """Creates functions; no table changes."""

    dependencies = [("harmonise", "0002_openings"), ("accounts", "0002_rows")]
    operations = [migrations.RunSQL(SQL, DROP)]
