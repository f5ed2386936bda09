r"""Reads the number of a court's decision by its digits alone, and compares courts and days of two decisions.

The key of a number is made of its digits in any script, without zeros: words, letters, marks and blanks make no
other number, and neither do leading zeros, which are left out where groups are written together. A first group
of four digits that begins with 19 or 20 is a year, of which two digits count. Two numbers that differ in zeros
alone have one key: it errs on the side of not blocking.

Two courts clearly differ if the words left of both, without `tribunal`, `de` and the like, are Latin letters and
not similar (trigrams, below 0.3). Two days clearly differ if more than 31 days are between them.

A mirror is under an ended decision if the key is that decision's and the courts do not clearly differ: it is
lifted with it, and no step applies it. Until it is listed it must also differ clearly in both court and day.
"""

from importlib import import_module

from django.db import migrations

_ENDS = import_module("fanal.measures.migrations.0020_decisions_end")
ZEROS = (
    "0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946 19D0"
    " 1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0 104A0 10D30 11066 110F0 11136 111D0 112F0"
    " 11450 114D0 11650 116C0 11730 118E0 11950 11C50 11D50 11DA0 11F50 16A60 16AC0 16B50 1E140 1E2F0 1E4F0 1E950"
)
"""Code points of zeros of the decimal digits of Unicode 15 that NFKC does not make ASCII; nine digits follow each."""
_DIGITS = "".join(chr(int(zero, 16) + n) for zero in ZEROS.split() for n in range(10))
_ASCII = "0123456789" * len(ZEROS.split())

KEYS = r"""
ALTER TABLE measures_blocking
    ADD COLUMN decision_court text NOT NULL DEFAULT '',
    ADD COLUMN decision_ruled date;

-- The key of a number: its digits without zeros; the plain text of a number without digits.
CREATE FUNCTION measures_number_key(number text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    SET search_path = public, pg_temp AS $$
    SELECT coalesce(
        nullif(regexp_replace(regexp_replace(translate(normalize(number, NFKC), 'DIGITS', 'ASCII'),
            '^(\D*)(?:19|20)(\d\d)(?=\D)', '\1\2'), '[^1-9]', '', 'g'), ''),
        replace(measures_plain(number), ' ', ''))
$$;

-- The words of a court that tell it from others; empty if they are not Latin letters.
CREATE FUNCTION measures_court_key(court text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN plain ~ '[^a-z0-9 ]' THEN '' ELSE btrim(regexp_replace(regexp_replace(plain,
        '\m(tribunal|judiciaire|tj|tgi|grande|instance|cour|ca|d|appel|de|du|des|la|le|les|l|a|au|et)\M', '', 'g'),
        ' +', ' ', 'g')) END
    FROM measures_plain(court) AS plain
$$;

CREATE FUNCTION measures_courts_differ(one text, other text) RETURNS boolean LANGUAGE sql STABLE STRICT
    SET search_path = public, pg_temp AS $$
    SELECT one <> '' AND other <> ''
        AND greatest(word_similarity(one, other), word_similarity(other, one)) < 0.3
$$;

-- The decision that the latest bytes of a mirror name; null once they are erased.
CREATE FUNCTION measures_decision_of(mirror uuid) RETURNS jsonb LANGUAGE sql STABLE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT convert_from(content, 'UTF8')::jsonb #> '{mirror,decision}' FROM casework_document
        WHERE act_id = mirror AND octet_length(content) > 0 ORDER BY revision DESC LIMIT 1
$$;

-- Whether the end of a decision (JSON: court, number, ruled_on) is recorded at a desk: empty if not; OVER: the number is
-- that of an ended one and the courts do not clearly differ; MAYBE: court and day do not both clearly differ.
-- Marks of ends whose texts expired before this migration are those of the earlier key, made of court and number.
CREATE FUNCTION measures_decision_state(desk integer, court jsonb) RETURNS text LANGUAGE sql VOLATILE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(max(CASE
        WHEN NOT measures_courts_differ(b.decision_court, measures_court_key(court ->> 'court')) THEN 'OVER'
        WHEN coalesce(abs(b.decision_ruled - (court ->> 'ruled_on')::date) <= 31, true) THEN 'MAYBE'
        ELSE '' END), '')
    FROM measures_blocking b JOIN casework_act a ON a.id = b.act_id
    WHERE a.desk_id = desk AND b.decision_ended IN (
        measures_decision_mark(measures_number_key(court ->> 'number')),
        measures_decision_mark(measures_decision_key(court ->> 'court', court ->> 'number')))
$$;

-- The other mirrors of a mirror's desk whose decision may be its own: the same number, or a court that does not clearly
-- differ and the same day. `same`: the same number, and a court that does not clearly differ.
CREATE FUNCTION measures_mirrors_near(mirror uuid) RETURNS TABLE (other uuid, same boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.act_id, (o.number = m.number) AND NOT measures_courts_differ(o.decision_court, m.decision_court)
    FROM (SELECT *, coalesce(nullif(decision_ended, ''), measures_decision_mark(decision)) AS number
            FROM measures_blocking WHERE act_id = mirror) m
    JOIN casework_act x ON x.id = m.act_id AND x.kind = 'mirror'
    JOIN casework_act y ON y.desk_id = x.desk_id AND y.kind = 'mirror' AND y.id <> x.id
    JOIN (SELECT *, coalesce(nullif(decision_ended, ''), measures_decision_mark(decision)) AS number
            FROM measures_blocking WHERE removal_id IS NULL AND (decision <> '' OR decision_ended <> '')) o
        ON o.act_id = y.id
    WHERE o.number = m.number
        OR o.decision_ruled = m.decision_ruled
            AND NOT measures_courts_differ(o.decision_court, m.decision_court)
    ORDER BY o.act_id
$$;

-- Whether the copy of a mirror's decision was filed while its bytes named the decision that they name now.
CREATE OR REPLACE FUNCTION measures_decision_filed(mirror uuid) RETURNS boolean LANGUAGE sql VOLATILE
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM casework_step s
        JOIN casework_document d USING (act_id, revision),
        LATERAL (SELECT convert_from(d.content, 'UTF8')::jsonb #> '{mirror,decision}' AS court) said,
        LATERAL (SELECT measures_decision_of(mirror) AS court) now
        WHERE s.act_id = mirror AND s.transition = 'enforce'
          AND measures_decision_key(said.court ->> 'court', said.court ->> 'number')
            = measures_decision_key(now.court ->> 'court', now.court ->> 'number'))
$$;

CREATE OR REPLACE FUNCTION measures_erase_blockings(erased uuid[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE measures_blocking b SET host = '', decision = '',
            decision_court = CASE WHEN decision_ended = '' THEN '' ELSE decision_court END,
            decision_ruled = CASE WHEN decision_ended = '' THEN NULL ELSE decision_ruled END
        FROM casework_act a
        WHERE a.id = b.act_id AND a.id = ANY (erased) AND a.state IN ('LIFTED', 'WITHDRAWN') RETURNING b.act_id
$$;
""".replace("'DIGITS', 'ASCII'", f"'{_DIGITS}', '{_ASCII}'")

_READ = """    INSERT INTO measures_blocking (act_id, host, ground, decision, decision_from, decision_ends_at)
        VALUES (act.id, said ->> 'host', 'MIRROR',
            measures_decision_key(court ->> 'court', court ->> 'number'),
            measures_midnight(days[2]), measures_midnight(days[3] + 1))
        ON CONFLICT (act_id) DO UPDATE SET decision = excluded.decision,
"""
_READ_NEAR = """    INSERT INTO measures_blocking (act_id, host, ground, decision, decision_court, decision_ruled,
            decision_from, decision_ends_at)
        VALUES (act.id, said ->> 'host', 'MIRROR', measures_number_key(court ->> 'number'),
            measures_court_key(court ->> 'court'), days[1],
            measures_midnight(days[2]), measures_midnight(days[3] + 1))
        ON CONFLICT (act_id) DO UPDATE SET decision = excluded.decision,
            decision_court = excluded.decision_court, decision_ruled = excluded.decision_ruled,
"""
READ = _ENDS.READ.replace(_READ, _READ_NEAR)
_APPLIES = "('submit', 'vouch', 'list', 'confirm', 'check', 'keep')"
_NEW = "('submit', 'approve', 'vouch', 'list')"
_ENDED = f"""    IF NEW.transition IN {_APPLIES}
        AND measures_decision_over(act.desk_id, known.decision) THEN
"""
_LOCKS = f"    IF NEW.transition IN {_APPLIES}\n        OR NEW.transition = 'lift'"
_NEAR = """    IF (CASE measures_decision_state(act.desk_id, measures_decision_of(act.id)) WHEN 'OVER' THEN
            NEW.transition IN ('submit', 'approve', 'vouch', 'list', 'confirm', 'check', 'keep')
        WHEN 'MAYBE' THEN NEW.transition IN ('submit', 'approve', 'vouch', 'list') ELSE false END) THEN
"""
_LOCKS_NEAR = _LOCKS.replace("('submit',", "('submit', 'approve',")
STEP = _ENDS.STEP.replace(_ENDED, _NEAR).replace(_LOCKS, _LOCKS_NEAR)
STORED = """
UPDATE measures_blocking b SET decision = measures_number_key(court ->> 'number'),
        decision_court = measures_court_key(court ->> 'court'), decision_ruled = (court ->> 'ruled_on')::date
    FROM casework_act a, LATERAL measures_decision_of(a.id) AS court
    WHERE a.id = b.act_id AND a.kind = 'mirror' AND b.decision <> '' AND court IS NOT NULL;
UPDATE measures_blocking SET decision_ended = measures_decision_mark(decision)
    WHERE decision_ended <> '' AND decision <> '';
"""
_FILED = "CREATE FUNCTION measures_decision_filed("
_FIRST: str = import_module("fanal.measures.migrations.0018_mirrors").GUARDS
_ERASE = "CREATE OR REPLACE FUNCTION measures_erase_blockings("
BACK = f"""
{_FILED.replace("CREATE", "CREATE OR REPLACE", 1)}{_ENDS.KEYS.partition(_FILED)[2]}
{_ERASE}{_FIRST.partition(_ERASE)[2]}
{_ENDS.TAKEN[_ENDS.TAKEN.index("UPDATE measures_blocking b") :]}
DROP FUNCTION measures_mirrors_near, measures_decision_state, measures_decision_of, measures_courts_differ,
    measures_court_key, measures_number_key;
ALTER TABLE measures_blocking DROP COLUMN decision_court, DROP COLUMN decision_ruled;
"""


class Migration(migrations.Migration):
    """Keys of stored mirrors are made anew.

    `measures_decision_over` stays for processes of the earlier version; the steps' trigger refuses what it misses.
    """

    dependencies = [("measures", "0022_transparency")]
    operations = [migrations.RunSQL(KEYS + READ + STEP + STORED, _ENDS.READ + _ENDS.STEP + BACK)]
