"""SQL by which PostgreSQL gives each new row a number that is unique, never changed and never reused.

The numbers are in a table of their own, since a unique index cannot span partitions.
A trigger on the numbered table fills it, one statement a batch. The count is a sequence for each kind
and year: it never waits for another transaction. Only the owner may write the table or use the sequence.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import DatabaseError, transaction

from fanal.db import sql
from fanal.kernel.numbers import Numbered, read_number, written_number

SEQUENCES = "fanal_number_"
"""First characters of the names of the sequences."""

TABLES = {
    Numbered.REPORT: "intake_number",
    Numbered.DOSSIER: "crosscheck_number",
    Numbered.ACT: "casework_number",
}
"""Names of the tables of numbers, by the kind of what is numbered."""

_WHEN = " ".join(f"WHEN '{kind}' THEN '{name}'" for kind, name in TABLES.items())
COUNT = f"""
-- The largest number of a kind and year that is stored; 0 without one, or before its table is created.
CREATE FUNCTION fanal_last_number(kind text, year integer) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := CASE kind {_WHEN} END;
    last bigint;
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        EXECUTE format('SELECT max(number) FROM %I n WHERE n.year = $1', name) INTO last USING year;
    END IF;
    RETURN coalesce(last, 0);
END
$$;

-- The sequence of a kind and year. A missing one is created, and starts after the largest stored number.
CREATE FUNCTION fanal_count_of(kind text, year integer) RETURNS regclass
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := format('{SEQUENCES}%s_%s', lower(kind), year);
BEGIN
    IF to_regclass(name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(name, 0));
        EXECUTE format(
            'CREATE SEQUENCE IF NOT EXISTS %I START %s', name, fanal_last_number(kind, year) + 1);
    END IF;
    RETURN to_regclass(name);
END
$$;

-- Advances the sequences of a kind that are behind the largest stored number, as in a copy of the tables
-- without them; returns how many. By `nextval`, which never takes back what a report draws meanwhile.
CREATE FUNCTION fanal_counts_catch_up(kind text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text;
    given bigint;
    last bigint;
    behind integer := 0;
BEGIN
    FOR name IN SELECT c.relname FROM pg_class c
        WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace
          AND c.relname ~ format('^{SEQUENCES}%s_[0-9]+$', lower(kind)) LOOP
        EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM %I', name)
            INTO given;
        last := fanal_last_number(kind, substring(name FROM '[0-9]+$')::integer);
        IF given < last THEN
            PERFORM nextval(name::regclass) FROM generate_series(given + 1, last);
            behind := behind + 1;
        END IF;
    END LOOP;
    RETURN behind;
END
$$;

-- Creates the sequences from two years back, since some rows are entered with an earlier date, to the year of
-- `until`, but two years ahead at most; returns how many are new.
CREATE FUNCTION fanal_counts_ahead(until date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kind text;
    year integer;
    made integer := 0;
BEGIN
    FOR year IN extract(year FROM now() AT TIME ZONE 'Europe/Paris')::integer - 2
        .. extract(year FROM least(until, now()::date + 731))::integer LOOP
        FOREACH kind IN ARRAY ARRAY['R', 'D', 'M'] LOOP
            IF to_regclass(format('{SEQUENCES}%s_%s', lower(kind), year)) IS NULL THEN
                PERFORM fanal_count_of(kind, year);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

REVOKE ALL ON FUNCTION fanal_last_number, fanal_count_of, fanal_counts_catch_up, fanal_counts_ahead
    FROM PUBLIC;

CREATE FUNCTION fanal_numbers_stay() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a number is never changed or taken back' USING ERRCODE = 'restrict_violation';
END
$$;
"""  # noqa: S608 - constants of the code
COUNT_BACK = """
DROP FUNCTION fanal_numbers_stay, fanal_counts_ahead, fanal_counts_catch_up, fanal_count_of,
    fanal_last_number;
"""


class Numbering(NamedTuple):
    """The SQL by which new rows of one table get numbers such as `R-2026-0042`.

    `kind` gives the letter. The rows of the table `parent` are numbered; their numbers are stored in the
    table `table`, whose key `holder` references the numbered row. `instant` is the column of `parent` whose
    year, in Paris, is that of the number.
    """

    kind: Numbered
    table: str
    holder: str
    parent: str
    instant: str

    @property
    def create(self) -> str:
        """SQL that creates the table of numbers, its guards, and the trigger that numbers new rows."""
        missing = f"""(
        SELECT r.id, r.{self.instant} FROM {self.parent} r WHERE r.{self.instant} >= since
          AND NOT EXISTS (SELECT FROM {self.table} n WHERE n.{self.holder} = r.id)) part"""  # noqa: S608
        return f"""
CREATE TABLE {self.table} (
    {self.holder} uuid NOT NULL,
    year smallint NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT {self.table}_pkey PRIMARY KEY ({self.holder}),
    CONSTRAINT {self.table}_once UNIQUE (year, number),
    CONSTRAINT {self.table}_counts CHECK (number > 0)
);
CREATE TRIGGER {self.table}_stays BEFORE UPDATE OR DELETE ON {self.table}
    FOR EACH ROW EXECUTE FUNCTION fanal_numbers_stay();

CREATE FUNCTION {self.table}_give() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    BEGIN
        {self.give("fresh", count=self.present)};
    EXCEPTION WHEN OTHERS THEN  -- nothing is refused for want of a number; the nightly job gives it
        RAISE WARNING 'no number in {self.table}: %', SQLERRM;
    END;
    RETURN NULL;
END
$$;
-- Numbers the rows since an instant that have none; returns how many.
CREATE FUNCTION {self.table}_missing(since timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    given bigint;
BEGIN
    {self.give(missing)};
    GET DIAGNOSTICS given = ROW_COUNT;
    RETURN given;
END
$$;
REVOKE ALL ON FUNCTION {self.table}_missing FROM PUBLIC;
CREATE TRIGGER {self.table}_given AFTER INSERT ON {self.parent}
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION {self.table}_give();
"""  # noqa: S608 - constants of the code

    @property
    def drop(self) -> str:
        """SQL that reverts `create`: drops the trigger, the functions and the table of numbers."""
        return (
            f"DROP TRIGGER {self.table}_given ON {self.parent};"
            f" DROP FUNCTION {self.table}_give, {self.table}_missing; DROP TABLE {self.table};"
        )

    @property
    def present(self) -> str:
        """SQL expression for the sequence of the column `year`, NULL if the sequence does not exist.

        Sessions of the web must not create one: that takes a lock for which `db.hoarding` ends them.
        """
        return f"to_regclass('{SEQUENCES}{self.kind.lower()}_' || year)"

    def give(self, source: str, *, count: str = "") -> str:
        """Return the INSERT statement that numbers the rows of `source`, in the order of their instants.

        `source` is SQL: a table or a subquery with the columns `id` and `instant`. `count` is a SQL
        expression for the sequence of `year`; rows for which it is NULL get no number. By default a missing
        sequence is created.
        """
        count = count or f"fanal_count_of('{self.kind}', year)"
        return f"""INSERT INTO {self.table} ({self.holder}, year, number)
    SELECT id, year, nextval({count}) FROM (
        SELECT id, extract(year FROM {self.instant} AT TIME ZONE 'Europe/Paris')::integer AS year
        FROM {source} ORDER BY {self.instant}, id) dated
    WHERE {count} IS NOT NULL
    ON CONFLICT ({self.holder}) DO NOTHING"""  # noqa: S608 - constants of the code

    @property
    def give_stored(self) -> str:
        """SQL statement that numbers all rows already stored in `parent`, in the order of their instants."""
        return self.give(self.parent) + ";"


REPORTS = Numbering(
    kind=Numbered.REPORT,
    table=TABLES[Numbered.REPORT],
    holder="report_id",
    parent="intake_report",
    instant="received_at",
)
DOSSIERS = Numbering(
    kind=Numbered.DOSSIER,
    table=TABLES[Numbered.DOSSIER],
    holder="dossier_id",
    parent="crosscheck_dossier",
    instant="opened_at",
)
ACTS = Numbering(
    kind=Numbered.ACT,
    table=TABLES[Numbered.ACT],
    holder="act_id",
    parent="casework_act",
    instant="created_at",
)
NUMBERINGS = (REPORTS, DOSSIERS, ACTS)


def numbers_of(numbering: Numbering, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the numbers of rows as text (`R-2026-0042`), by row id.

    Rows without a number, or that the session may not see, have no key.
    """
    if not ids:
        return {}
    found = sql.rows(
        f"SELECT {numbering.holder}, year, number FROM {numbering.table}"  # noqa: S608
        f" WHERE {numbering.holder} = ANY(%s::uuid[])",
        [list(ids)],
    )
    return {id_: written_number(numbering.kind, year, number) for id_, year, number in found}


def ids_of_number(numbering: Numbering, text: str) -> list[UUID]:
    """Return the ids of the visible rows that a typed number denotes: one id, or an empty list.

    `text` is what a person typed, such as `r 2026 42` or `42/2026`; `numbering` says which kind of row is
    meant.
    """
    typed = read_number(text)
    if typed is None or not typed.may_be(numbering.kind):
        return []
    found = sql.rows(
        f"SELECT {numbering.holder} FROM {numbering.table} WHERE year = %s AND number = %s",  # noqa: S608
        [typed.year, typed.number],
    )
    return [id_ for (id_,) in found]


def find_numbered(text: str) -> list[UUID]:
    """Return the ids of the visible reports, dossiers and acts that a typed number denotes.

    At most one if the number has its letter (`R-2026-0042`), else one of each kind (`42/2026`).
    """
    return [id_ for numbering in NUMBERINGS for id_ in ids_of_number(numbering, text)]


class NumberingFailed(Exception):
    """Error: rows got no numbers; the text names the tables of numbers concerned, and the failures."""


def give_missing(*, since: datetime) -> int:
    """Give numbers to the rows dated since `since` that were stored without one; return how many.

    Sequences that lag behind the numbers of their table are advanced first. A failure for one kind of row
    does not stop the others.

    Raises:
        NumberingFailed: one or more kinds failed, after the others were numbered.
    """
    given = 0
    failed: dict[str, Exception] = {}
    for one in NUMBERINGS:
        try:
            with transaction.atomic():
                sql.run("SELECT fanal_counts_catch_up(%s)", [one.kind])
                given += int(sql.one(f"SELECT {one.table}_missing(%s)", [since])[0])
        except DatabaseError as failure:
            failed[one.table] = failure
    if failed:
        names = (f"{table} ({type(failure).__name__})" for table, failure in failed.items())
        raise NumberingFailed(", ".join(names)) from next(iter(failed.values()))
    return given
