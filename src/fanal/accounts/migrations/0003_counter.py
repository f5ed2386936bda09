"""Counters of sign-in that every process shares."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One small table; its rows end within minutes."""

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
