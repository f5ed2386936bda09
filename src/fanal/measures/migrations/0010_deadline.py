"""Refuses the end of a removal's legal time before the database's own count of it has run out.

`measures_removal_deadline` counts as `measures.domain.clocks.legal_deadline`: 24 elapsed hours from receipt, or
from the end of the last suspension; none before a receipt or during a suspension. A blocking that follows an
unexecuted request rests on it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION measures_removal_deadline(removal uuid) RETURNS timestamptz LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN count(*) FILTER (WHERE transition = 'receive') > 0
            AND count(*) FILTER (WHERE transition = 'suspend') = count(*) FILTER (WHERE transition = 'resume')
        THEN max(happened_at) FILTER (WHERE transition IN ('receive', 'resume')) + interval '24 hours' END
    FROM casework_step WHERE act_id = removal AND transition IN ('receive', 'suspend', 'resume')
$$;

CREATE FUNCTION measures_step_due() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    due timestamptz := measures_removal_deadline(NEW.act_id);
BEGIN
    IF EXISTS (SELECT FROM casework_act WHERE id = NEW.act_id AND kind = 'measure')
        AND (due IS NULL OR NEW.happened_at < due) THEN
        RAISE EXCEPTION 'the legal time of the request has not run out' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER measures_step_due BEFORE INSERT ON casework_step
    FOR EACH ROW WHEN (NEW.transition = 'expire') EXECUTE FUNCTION measures_step_due();
"""
BACK = """
DROP TRIGGER measures_step_due ON casework_step;
DROP FUNCTION measures_step_due, measures_removal_deadline;
"""


class Migration(migrations.Migration):
    """The trigger checks new rows only; stored rows stay as they are."""

    dependencies = [("measures", "0009_not_ahead")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
