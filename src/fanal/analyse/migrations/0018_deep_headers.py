"""Removes a withdrawn sentence from every version of the text reader, even with a too deep header."""

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION analyse_header_without(header bytea, example text) RETURNS bytea
LANGUAGE plpgsql AS $$
DECLARE
    kept bytea;
BEGIN
    SELECT convert_to(jsonb_set(convert_from(header, 'UTF8')::jsonb, '{added}', jsonb_agg(
            CASE WHEN label ->> 'id' LIKE '%-' || example THEN label || '{"text": ""}' ELSE label END
            ORDER BY place))::text, 'UTF8')
        INTO kept
        FROM jsonb_array_elements(convert_from(header, 'UTF8')::jsonb -> 'added')
            WITH ORDINALITY AS added (label, place);
    RETURN coalesce(kept, '{}');
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN '{}';
END
$$;
"""


class Migration(migrations.Migration):
    """Not reversible: a header that cannot be read has been emptied."""

    dependencies = [("analyse", "0017_unreadable_headers")]
    operations = [migrations.RunSQL(SQL)]
