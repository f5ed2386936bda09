"""The statements of folding: who stands for a key, what is connected, what is written."""

SELECT = (
    "SELECT f.report_id, f.desk_id, f.level, f.parent, f.file_key, f.near_key, f.account_key, f.event_key,"
    " f.viral_key, f.pictures, c.claim_token > 0, coalesce(c.head_id, c.report_id)"
)
FROM = " FROM orient_fold f JOIN orient_case c ON c.report_id = f.report_id"
# A look into the index for each key, and a statement for each level: for `= ANY` the planner weighs every key
# by itself, and for all levels at once it starts processes, which take longer than the looks.
STANDING = tuple(
    f"{SELECT} FROM unnest(%s::bytea[]) AS k (key) JOIN orient_fold f ON f.{column} = k.key"
    " JOIN orient_case c ON c.report_id = f.report_id"
    f" WHERE f.{column} IS NOT NULL AND (f.level = 0 OR f.level > {place})"
    for place, column in ((1, "file_key"), (3, "account_key"), (4, "event_key"))
)
# Of those folded because they look alike, only such as came after the first that is looked at.
NEAR = (
    f"{SELECT}{FROM} JOIN unnest(%s::bytea[], %s::uuid[]) AS k (near_key, first)"
    " ON f.near_key = k.near_key WHERE f.near_key IS NOT NULL AND f.level <> 1"
    " AND (f.level <> 2 OR f.report_id > k.first)"
)
VIRAL = (
    f"{SELECT} FROM unnest(%s::bytea[]) AS k (viral_key) CROSS JOIN LATERAL ("  # noqa: S608 - as above
    "SELECT * FROM orient_fold v WHERE v.viral_key = k.viral_key AND v.level IN (0, 5)"
    " ORDER BY v.level, v.report_id LIMIT %s) f JOIN orient_case c ON c.report_id = f.report_id"
)
CONNECTED = (
    f"{SELECT}{FROM} WHERE f.parent = ANY (%s::uuid[])"
    f" UNION ALL {SELECT}{FROM} WHERE f.report_id = ANY (%s::uuid[])"
)
WRITE = (
    "INSERT INTO orient_fold (report_id, desk_id, level, parent, file_key, near_key, account_key, event_key,"
    " viral_key, pictures) SELECT * FROM unnest(%s::uuid[], %s::int[], %s::smallint[], %s::uuid[],"
    " %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])"
    " ON CONFLICT (report_id) DO UPDATE SET level = excluded.level, parent = excluded.parent"
)
HIDE = """
UPDATE orient_case c SET state = 'FOLDED', head_id = row.head, folded = 0, own = NULL,
    rank = coalesce((c.own->>'rank')::smallint, c.rank), floor = coalesce(c.own->>'floor', c.floor),
    level = coalesce(c.own->>'level', c.level), reason = coalesce(c.own->>'reason', c.reason),
    reason_parameters = coalesce(c.own->'reason_parameters', c.reason_parameters),
    urgent = coalesce((c.own->>'urgent')::boolean, c.urgent),
    due_at = coalesce((c.own->>'due_at')::timestamptz, c.due_at),
    ask_before = CASE WHEN c.own IS NULL THEN c.ask_before ELSE (c.own->>'ask_before')::timestamptz END
FROM unnest(%s::uuid[], %s::uuid[]) AS row (report_id, head)
WHERE c.report_id = row.report_id
"""
SHOW = (
    "UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL"
    " WHERE report_id = ANY (%s::uuid[]) AND state = 'FOLDED'"
)
