"""Creates the tables of accounts, the triggers that keep them append-only, and the rows of every database."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

# A habilitation, its revocation and its reviews are acts: a row that exists is never edited. The
# trigger stops honest mistakes of the owner too; the application role holds no such right at all.
APPEND_ONLY = """
CREATE FUNCTION accounts_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append-only: % on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER accounts_habilitation_append_only BEFORE UPDATE OR DELETE ON accounts_habilitation
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_revocation_append_only BEFORE UPDATE OR DELETE ON accounts_revocation
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
CREATE TRIGGER accounts_review_append_only BEFORE UPDATE OR DELETE ON accounts_review
    FOR EACH ROW EXECUTE FUNCTION accounts_append_only();
ALTER TABLE accounts_habilitation ADD CONSTRAINT accounts_habilitation_one_year_at_most
    CHECK (valid_until <= valid_from + interval '366 days');

-- The person who revokes or reviews is never the person habilitated: a CHECK cannot see the other
-- table, so the trigger does.
CREATE FUNCTION accounts_not_by_oneself() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    author uuid := CASE TG_TABLE_NAME
        WHEN 'accounts_review' THEN (to_jsonb(NEW) ->> 'reviewed_by_id')::uuid
        ELSE (to_jsonb(NEW) ->> 'revoked_by_id')::uuid END;
BEGIN
    IF EXISTS (SELECT 1 FROM accounts_habilitation
               WHERE id = NEW.habilitation_id AND person_id = author) THEN
        RAISE EXCEPTION 'by oneself: %', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_review_not_by_oneself BEFORE INSERT ON accounts_review
    FOR EACH ROW EXECUTE FUNCTION accounts_not_by_oneself();
CREATE TRIGGER accounts_revocation_not_by_oneself BEFORE INSERT ON accounts_revocation
    FOR EACH ROW EXECUTE FUNCTION accounts_not_by_oneself();

INSERT INTO accounts_desk (id, code, name, contact) VALUES (1, 'NATIONAL', 'National desk', '');
INSERT INTO accounts_person (id, name, organisation_id, created_at) VALUES
    ('00000000-0000-7000-8000-000000000001', 'SYSTEM', NULL, '1970-01-01T00:00:00Z'),
    ('00000000-0000-7000-8000-000000000002', 'PUBLIC', NULL, '1970-01-01T00:00:00Z');
"""

REVERSE = """
DROP TRIGGER accounts_habilitation_append_only ON accounts_habilitation;
DROP TRIGGER accounts_revocation_append_only ON accounts_revocation;
DROP TRIGGER accounts_review_append_only ON accounts_review;
DROP TRIGGER accounts_review_not_by_oneself ON accounts_review;
DROP TRIGGER accounts_revocation_not_by_oneself ON accounts_revocation;
DROP FUNCTION accounts_append_only();
DROP FUNCTION accounts_not_by_oneself();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Desk",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("contact", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="Organisation",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("PARTNER", "PARTNER"),
                            ("PROVIDER", "PROVIDER"),
                            ("LABORATORY", "LABORATORY"),
                            ("AUTHORITY", "AUTHORITY"),
                        ],
                        max_length=20,
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="PartnerCredential",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("login", models.CharField(max_length=150, unique=True)),
                ("password_digest", models.BinaryField(max_length=32)),
                ("token_digest", models.BinaryField(max_length=32, unique=True)),
                ("quota_per_minute", models.PositiveIntegerField(null=True)),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credentials",
                        to="accounts.organisation",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PartnerUsage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "credential_id",
                        "minute",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("minute", models.DateTimeField()),
                ("used", models.PositiveIntegerField()),
                (
                    "credential",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.partnercredential",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="people",
                        to="accounts.organisation",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="partnercredential",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.person"
            ),
        ),
        migrations.CreateModel(
            name="Habilitation",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("ANALYST", "ANALYST"),
                            ("SUPERVISOR", "SUPERVISOR"),
                            ("JUDICIAL_OFFICER", "JUDICIAL_OFFICER"),
                            ("MEASURES_OFFICER", "MEASURES_OFFICER"),
                            ("OVERSEER", "OVERSEER"),
                            ("LABORATORY", "LABORATORY"),
                            ("PARTNER", "PARTNER"),
                            ("STATISTICIAN", "STATISTICIAN"),
                            ("ADMINISTRATOR", "ADMINISTRATOR"),
                            ("SYSTEM", "SYSTEM"),
                            ("PUBLIC", "PUBLIC"),
                        ],
                        max_length=20,
                    ),
                ),
                ("act_reference", models.CharField(max_length=200)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField()),
                ("granted_at", models.DateTimeField()),
                (
                    "desk",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.desk",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "granted_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.person",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="habilitations",
                        to="accounts.person",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                ("username", models.CharField(max_length=150, unique=True)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("is_active", models.BooleanField(default=True)),
                ("is_demo", models.BooleanField(default=False)),
                ("session_epoch", models.PositiveIntegerField(default=0)),
                ("date_joined", models.DateTimeField()),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="accounts.person",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("reviewed_at", models.DateTimeField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[("KEEP", "KEEP"), ("REVOKE", "REVOKE")], max_length=10
                    ),
                ),
                (
                    "habilitation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviews",
                        to="accounts.habilitation",
                    ),
                ),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.person",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Revocation",
            fields=[
                (
                    "habilitation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="revocation",
                        serialize=False,
                        to="accounts.habilitation",
                    ),
                ),
                ("revoked_at", models.DateTimeField()),
                ("reason_code", models.CharField(max_length=40)),
                (
                    "revoked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.person",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="partnercredential",
            constraint=models.CheckConstraint(
                condition=models.Q(("login", django.db.models.functions.text.Lower("login"))),
                name="accounts_credential_login_is_lower",
            ),
        ),
        migrations.AddConstraint(
            model_name="partnercredential",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quota_per_minute__isnull", True), ("quota_per_minute__gt", 0), _connector="OR"
                ),
                name="accounts_credential_quota_positive",
            ),
        ),
        migrations.AddIndex(
            model_name="habilitation",
            index=models.Index(
                fields=["person", "valid_until"], name="accounts_habilitation_person"
            ),
        ),
        migrations.AddIndex(
            model_name="habilitation",
            index=models.Index(fields=["desk", "valid_until"], name="accounts_habilitation_desk"),
        ),
        migrations.AddConstraint(
            model_name="habilitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("granted_by", models.F("person")), _negated=True),
                name="accounts_habilitation_not_by_oneself",
            ),
        ),
        migrations.AddConstraint(
            model_name="habilitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_until__gt", models.F("valid_from"))),
                name="accounts_habilitation_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="habilitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("act_reference", ""), _negated=True),
                name="accounts_habilitation_names_its_act",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("username", django.db.models.functions.text.Lower("username"))),
                name="accounts_user_login_is_lower",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["habilitation", "reviewed_at"], name="accounts_review_last"),
        ),
        migrations.RunSQL(APPEND_ONLY, REVERSE),
    ]
