"""Read operations of crosscheck. Of another desk's report they show its existence and the desk to ask."""

from fanal.crosscheck.queries.dossiers import (
    dossier_of,
    dossier_view,
    dossiers_of,
    last_judgement_id,
    list_dossiers,
    members_of,
    walk_dossiers,
)
from fanal.crosscheck.queries.related import (
    kin_facts,
    linked_reports,
    links_of,
    links_of_reports,
    list_links,
    telling,
)
from fanal.crosscheck.queries.suggestions import (
    list_suggestions,
    rejected_reports,
    sides_of,
    suggestions_of,
)

__all__ = [
    "dossier_of",
    "dossier_view",
    "dossiers_of",
    "kin_facts",
    "last_judgement_id",
    "linked_reports",
    "links_of",
    "links_of_reports",
    "list_dossiers",
    "list_links",
    "list_suggestions",
    "members_of",
    "rejected_reports",
    "sides_of",
    "suggestions_of",
    "telling",
    "walk_dossiers",
]
