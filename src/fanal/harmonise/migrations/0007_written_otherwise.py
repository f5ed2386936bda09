"""Indexes selectors by their skeleton, so that the search also finds other spellings of a value.

The skeleton (`domain/written_otherwise.py`) replaces the lower-cased beginning of the value in the index:
if one text is the beginning of another, its skeleton is the beginning of the other's skeleton.
"""

from importlib import import_module

from django.db import migrations

# As `written_otherwise` computes it. The letters are written out: a change needs a new index.
LOOK_ALIKES = "аеорсухіјѕԁһкмтвнӏԛԝοαεικνρτυχγσѵօսոɑɩɡıłøđ"
LETTERS = "aeopcyxljsdhkmtbhlqwoaelkvptuxyovounalgllod"
SIGNS, SIGN_LETTERS, DROPPED = "01i|!34@5$7", "olllleaasst", " ._-+()"
MARKS = "".join(map(chr, (*range(0x300, 0x370), *range(0x64B, 0x653))))

FORWARD = f"""
CREATE FUNCTION harmonise_skeleton(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(value) = length(value)
        THEN translate(lower(left(value, 100) COLLATE "C"), '{SIGNS}{DROPPED}', '{SIGN_LETTERS}')
        ELSE left(translate(lower(normalize(left(value, 100), NFKD) COLLATE "C"),
            '{LOOK_ALIKES}{SIGNS}{DROPPED}{MARKS}', '{LETTERS}{SIGN_LETTERS}'), 100) END
$$;
DROP INDEX harmonise_selector_prefix;
CREATE INDEX harmonise_selector_prefix ON harmonise_selector (harmonise_skeleton(value) text_pattern_ops)
    WHERE kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ');

-- Values whose key is one of `exact` (of the kinds and as spelled, in their order), with place 0; then those
-- that begin with the text asked for, in any case (`whole`, escaped for LIKE, and a percent sign), place 1; then
-- others of the kinds `alike` whose skeleton has one of the beginnings, place 2. With how often they were seen
-- at the desks, up to `up_to`. Each beginning walks its part of the index in order and stops at the limit.
DROP FUNCTION harmonise_find_selectors;
CREATE FUNCTION harmonise_find_selectors(
    exact uuid[], kinds text[], spelled text[], begun text[], whole text, alike text[], desks integer[],
    most integer, up_to integer)
RETURNS TABLE (key uuid, kind text, value text, seen bigint, place integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE $query$
        WITH candidate AS (
            SELECT e.key, e.kind, e.value, 0 AS place FROM unnest($1, $2, $8) AS e (key, kind, value)
            UNION ALL
            (SELECT DISTINCT ON (b.key) b.key, b.kind, b.value, b.place FROM (
                SELECT found.*, 1 AS place FROM unnest($3) AS start (skeleton) CROSS JOIN LATERAL (
                    SELECT c.key, c.kind, c.value FROM harmonise_selector c
                    WHERE harmonise_skeleton(c.value) ~>=~ start.skeleton
                      AND harmonise_skeleton(c.value) ~<~ (start.skeleton || chr(1114111))
                      AND lower(c.value COLLATE "C") LIKE $4
                      AND c.kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ') AND c.kind = ANY ($2)
                      AND c.key <> ALL ($1)
                      AND EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = c.key
                                  AND ($5 IS NULL OR t.desk_id = ANY ($5)))
                    ORDER BY harmonise_skeleton(c.value) USING ~<~ LIMIT $6
                ) found
                UNION ALL
                SELECT found.*, 2 FROM unnest($3) AS start (skeleton) CROSS JOIN LATERAL (
                    SELECT c.key, c.kind, c.value FROM harmonise_selector c
                    WHERE harmonise_skeleton(c.value) ~>=~ start.skeleton
                      AND harmonise_skeleton(c.value) ~<~ (start.skeleton || chr(1114111))
                      AND lower(c.value COLLATE "C") NOT LIKE $4
                      AND c.kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ') AND c.kind = ANY ($9)
                      AND c.key <> ALL ($1)
                      AND EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = c.key
                                  AND ($5 IS NULL OR t.desk_id = ANY ($5)))
                    ORDER BY harmonise_skeleton(c.value) USING ~<~ LIMIT $6
                ) found
            ) b ORDER BY b.key, b.place)
        )
        SELECT c.key, c.kind, c.value, seen.n, c.place FROM candidate c
        CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM (
                SELECT FROM harmonise_sighting t
                WHERE t.key = c.key AND ($5 IS NULL OR t.desk_id = ANY ($5)) LIMIT $7
            ) few
        ) seen
        WHERE seen.n > 0
        ORDER BY c.place, c.value, c.kind LIMIT $6
    $query$ USING exact, kinds, begun, whole, fanal_shown(desks), most, up_to, spelled, alike;
END
$$;
"""

BEFORE = import_module("fanal.harmonise.migrations.0005_search_by_any_case")
BACKWARD = f"{BEFORE.FORWARD} DROP FUNCTION harmonise_skeleton;"


class Migration(migrations.Migration):
    """Creates a function; replaces an index and another function."""

    dependencies = [("harmonise", "0006_not_ahead")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
