"""The reading door of crosscheck. What crosses desks shows that it exists and which desk to ask."""

from fanal.crosscheck.queries.dossiers import (
    dossier_of,
    dossier_view,
    list_dossiers,
    members_of,
)
from fanal.crosscheck.queries.kin import kin_facts, links_of, list_links, populations
from fanal.crosscheck.queries.state import (
    co_members,
    desks_of_reports,
    is_undone,
    judged_among,
    judgements_about,
    judgements_by_id,
    last_judgement_id,
    lock_judgements,
    standing_of,
    strong_links,
)

__all__ = [
    "co_members",
    "desks_of_reports",
    "dossier_of",
    "dossier_view",
    "is_undone",
    "judged_among",
    "judgements_about",
    "judgements_by_id",
    "kin_facts",
    "last_judgement_id",
    "links_of",
    "list_dossiers",
    "list_links",
    "lock_judgements",
    "members_of",
    "populations",
    "standing_of",
    "strong_links",
]
