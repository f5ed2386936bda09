"""Refuses a line of a duty roster with an unknown time zone or a day outside two centuries.

Shifts cannot be computed from such a line, and then nobody on any roster is called: FANAL_DUTY is.
"""

from django.db import migrations

SQL = """
ALTER TABLE accounts_duty
    ADD CONSTRAINT accounts_duty_zone CHECK (zone IN ('Europe/Paris', 'America/Cayenne', 'America/Guadeloupe',
        'America/Martinique', 'America/Miquelon', 'Indian/Mayotte', 'Indian/Reunion', 'Pacific/Noumea',
        'Pacific/Tahiti', 'Pacific/Wallis')),
    ADD CONSTRAINT accounts_duty_years CHECK (first_day >= '2000-01-01'
        AND greatest(first_day, last_day) < '2200-01-01');
"""
BACK = "ALTER TABLE accounts_duty DROP CONSTRAINT accounts_duty_zone, DROP CONSTRAINT accounts_duty_years"


class Migration(migrations.Migration):
    """The pages refuse such lines, so no stored one is expected; one would stop the upgrade."""

    dependencies = [("accounts", "0032_rosters_end")]
    operations = [migrations.RunSQL(SQL, BACK)]
