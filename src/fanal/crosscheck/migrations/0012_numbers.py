"""Gives each dossier a number such as D-2026-0143; stored dossiers get theirs in the order of opening."""

from django.db import migrations

from fanal.db.numbering import DOSSIERS

SQL = """
-- The dossier that a number leads to, merges followed. Across desks it returns an id: who may see a report of
-- the dossier is checked with it.
CREATE FUNCTION crosscheck_numbered(asked_year integer, asked integer) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT crosscheck_in_use(n.dossier_id) FROM crosscheck_number n
    WHERE n.year = asked_year AND n.number = asked
$$;

-- As before, with a longer way: each older report that joins gives a dossier a further id.
CREATE OR REPLACE FUNCTION crosscheck_in_use(dossier uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE way AS (
        SELECT dossier AS id, 0 AS hops
        UNION ALL
        SELECT d.merged_into, w.hops + 1 FROM way w JOIN crosscheck_dossier d ON d.id = w.id
        WHERE d.merged_into IS NOT NULL AND w.hops < 10000)
    SELECT id FROM way ORDER BY hops DESC LIMIT 1
$$;

-- The number of each dossier: the earliest of its own and of those that were merged into it. So a set of
-- reports keeps its number when it is merged into one of a later number, or gets an earlier report.
CREATE INDEX crosscheck_dossier_merged_into ON crosscheck_dossier (merged_into) WHERE merged_into IS NOT NULL;
CREATE FUNCTION crosscheck_numbers(dossiers uuid[])
RETURNS TABLE (dossier_id uuid, year smallint, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE way AS (
        SELECT given AS head, given AS id, 0 AS hops FROM unnest(dossiers) given
        UNION ALL
        SELECT w.head, d.id, w.hops + 1 FROM way w JOIN crosscheck_dossier d ON d.merged_into = w.id
        WHERE w.hops < 10000)
    SELECT DISTINCT ON (w.head) w.head, n.year, n.number
    FROM way w JOIN crosscheck_number n ON n.dossier_id = w.id ORDER BY w.head, n.year, n.number
$$;

-- The earliest report of a former dossier; null for one that has reports or was merged.
CREATE FUNCTION crosscheck_anchor_of_dissolved(dossier uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.anchor_id FROM crosscheck_dossier d
    WHERE d.id = dossier AND d.merged_into IS NULL
      AND NOT EXISTS (SELECT FROM crosscheck_membership m WHERE m.dossier_id = d.id)
$$;
"""
BACK = """
DROP FUNCTION crosscheck_anchor_of_dissolved, crosscheck_numbers, crosscheck_numbered;
DROP INDEX crosscheck_dossier_merged_into;
"""


class Migration(migrations.Migration):
    """All dossiers are numbered in one transaction, since there is about one for ten reports."""

    dependencies = [("crosscheck", "0011_reasons_of_erased"), ("intake", "0037_numbers")]
    operations = [
        migrations.RunSQL(DOSSIERS.create + DOSSIERS.give_stored, DOSSIERS.drop),
        migrations.RunSQL(SQL, BACK),
    ]
