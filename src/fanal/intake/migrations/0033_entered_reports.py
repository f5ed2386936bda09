"""Permits the channels telephone, letter and visit, whose reports a person of the desk enters."""

from django.db import migrations

CHECK = (
    "ALTER TABLE intake_report DROP CONSTRAINT intake_report_arrival,"
    " ADD CONSTRAINT intake_report_arrival CHECK (arrival IN ({}))"
)
BEFORE = ("FORM", "API", "WIRE", "IMPORT")
NOW = ("FORM", "PHONE", "LETTER", "VISIT", "API", "WIRE", "IMPORT")


def check(arrivals: tuple[str, ...]) -> str:
    return CHECK.format(", ".join(f"'{arrival}'" for arrival in arrivals))


class Migration(migrations.Migration):
    dependencies = [("intake", "0032_holds_stay")]

    operations = [migrations.RunSQL(check(NOW), check(BEFORE))]
