"""Creates the table of sign-in counters, which all processes share."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates a small table, whose rows expire within minutes."""

    dependencies = [("accounts", "0002_rows")]
    operations = [
        migrations.CreateModel(
            name="Counter",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("value", models.JSONField()),
                ("expires_at", models.DateTimeField()),
            ],
        ),
    ]
