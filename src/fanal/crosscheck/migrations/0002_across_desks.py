"""Creates functions by which a desk learns whether and where a report exists, and a dossier's present id.

Row-level security hides the rows of other desks; the functions run with the owner's rights and return
nothing else.
"""

from django.db import migrations

SQL = """
-- The dossier that an id leads to, merges followed; a circle cannot be walked for ever.
CREATE FUNCTION crosscheck_in_use(dossier uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE way AS (
        SELECT dossier AS id, 0 AS hops
        UNION ALL
        SELECT d.merged_into, w.hops + 1 FROM way w JOIN crosscheck_dossier d ON d.id = w.id
        WHERE d.merged_into IS NOT NULL AND w.hops < 20)
    SELECT id FROM way ORDER BY hops DESC LIMIT 1
$$;

-- The reports of a dossier, oldest first: of those at other desks the desk alone.
CREATE FUNCTION crosscheck_members(dossier uuid, desks integer[])
RETURNS TABLE (report_id uuid, desk_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH bounds AS (SELECT fanal_shown(desks) AS shown)
    SELECT CASE WHEN b.shown IS NULL OR m.desk_id = ANY (b.shown) THEN m.report_id END, m.desk_id
    FROM crosscheck_membership m, bounds b WHERE m.dossier_id = dossier ORDER BY m.report_id
$$;

-- How many reports dossiers have, those of other desks counted.
CREATE FUNCTION crosscheck_sizes(dossiers uuid[]) RETURNS TABLE (dossier_id uuid, reports bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.dossier_id, count(*) FROM crosscheck_membership m
    WHERE m.dossier_id = ANY (dossiers) GROUP BY m.dossier_id
$$;

-- The reports that a judgement is about; of an undoing, those of what it undoes.
CREATE FUNCTION crosscheck_judged(judgement uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE way AS (
        SELECT j.undoes, j.left_ids || j.right_ids AS ids FROM crosscheck_judgement j
        WHERE j.id = judgement
        UNION ALL
        SELECT j.undoes, j.left_ids || j.right_ids FROM way w
        JOIN crosscheck_judgement j ON j.id = w.undoes)
    SELECT ids FROM way WHERE undoes IS NULL
$$;
"""

DROP = "DROP FUNCTION crosscheck_judged, crosscheck_sizes, crosscheck_members, crosscheck_in_use;"


class Migration(migrations.Migration):
    """Creates functions; no table changes."""

    dependencies = [("crosscheck", "0001_initial"), ("accounts", "0002_rows")]
    operations = [migrations.RunSQL(SQL, DROP)]
