"""Permits withdrawing the feedback that followed from a decision, when the report is reopened."""

from django.db import migrations

_RULE = """
ALTER TABLE orient_feedback DROP CONSTRAINT orient_feedback_verdict;
ALTER TABLE orient_feedback ADD CONSTRAINT orient_feedback_verdict CHECK (
    verdict IN ('USEFUL', 'DUPLICATE', 'LACKS_DATA', 'WITHDRAWN')
    AND (verdict <> 'WITHDRAWN' OR origin {origins}));
"""


class Migration(migrations.Migration):
    """Feedback given by a person is not withdrawn: the person gives another verdict instead."""

    dependencies = [("orient", "0043_nothing_dated_back")]
    operations = [
        migrations.RunSQL(
            _RULE.format(origins="IN ('FOLD', 'DECISION')"), _RULE.format(origins="= 'FOLD'")
        )
    ]
