"""The guide, and the section in it, that explains a page: by the page's route, else by the person's role."""

from collections.abc import Mapping

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from fanal.kernel.actors import Actor, Role

PLACES: Mapping[str, str] = {
    "account_access": "administrator",
    "account_desk": "administrator#desks",
    "account_desk_add": "administrator#desks",
    "account_desks": "administrator#desks",
    "account_duty": "supervisor#the-duty-roster",
    "account_duty_desk": "supervisor#the-duty-roster",
    "account_habilitation": "supervisor#grant-and-review-habilitations",
    "account_habilitations": "supervisor#grant-and-review-habilitations",
    "account_installation": "administrator",
    "account_ledger": "administrator",
    "account_lists": "administrator#state-of-the-lists",
    "account_people": "administrator",
    "account_person": "administrator",
    "account_retention": "administrator#retention",
    "account_quarantine": "administrator#failures-of-processing",
    "account_public": "administrator#the-public-pages",
    "account_reset": "administrator",
    "account_resets": "administrator",
    "desk:addressee": "measures-officer#addressees-of-measures",
    "desk:addressee-add": "measures-officer#addressees-of-measures",
    "desk:addressee-change": "measures-officer#addressees-of-measures",
    "desk:addressees": "measures-officer#addressees-of-measures",
    "desk:appeal": "appeals",
    "desk:appeals": "appeals",
    "desk:blocking": "blocking",
    "desk:blockings": "blocking",
    "desk:compare": "analyst#work-on-a-dossier-and-write-notes",
    "desk:counterpart": "supervisor#de-confliction",
    "desk:deconfliction": "supervisor#de-confliction",
    "desk:dereferencing": "dereferencing",
    "desk:dereferencings": "dereferencing",
    "desk:dossier": "analyst#work-on-a-dossier-and-write-notes",
    "desk:dossiers": "analyst#work-on-a-dossier-and-write-notes",
    "desk:emergency_call": "analyst#call-the-emergency-services",
    "desk:emergency_calls": "analyst#call-the-emergency-services",
    "desk:entry": "analyst#enter-a-report-that-somebody-tells",
    "desk:examples": "supervisor#teach-the-text-reader",
    "desk:exchange": "supervisor#lists-of-known-material",
    "desk:hit": "analyst#de-confliction-another-organisation-is-working-on-it",
    "desk:hits": "analyst#de-confliction-another-organisation-is-working-on-it",
    "desk:holds": "supervisor#place-a-legal-hold",
    "desk:identity": "judicial-officer#open-an-identity",
    "desk:instruction": "supervisor#sign-standing-instructions",
    "desk:instruction-propose": "supervisor#sign-standing-instructions",
    "desk:instructions": "supervisor#sign-standing-instructions",
    "desk:list-entry": "supervisor#lists-of-known-material",
    "desk:lists": "supervisor#lists-of-known-material",
    "desk:measure": "measures-officer#send-and-follow-up",
    "desk:measures": "measures-officer#send-and-follow-up",
    "desk:mirror": "mirrors",
    "desk:mirror-draft": "mirrors",
    "desk:mirrors": "mirrors",
    "desk:notice": "measures-officer#notices-to-providers",
    "desk:notices": "measures-officer#notices-to-providers",
    "desk:notifications": "analyst#hand-a-report-over-and-be-notified",
    "desk:payer": "analyst#payments",
    "desk:payments": "analyst#payments",
    "desk:provider": "supervisor#monitor-providers",
    "desk:providers": "supervisor#monitor-providers",
    "desk:quarantine": "supervisor#replay-quarantined-work",
    "desk:queue": "analyst#work-the-queue",
    "desk:reader": "supervisor#teach-the-text-reader",
    "desk:readers": "supervisor#teach-the-text-reader",
    "desk:referral": "judicial-officer",
    "desk:referrals": "judicial-officer",
    "desk:report": "analyst#read-a-report",
    "desk:report-document": "analyst#take-a-report-or-a-dossier-out",
    "desk:dossier-document": "analyst#take-a-report-or-a-dossier-out",
    "desk:report-hold": "supervisor#place-a-legal-hold",
    "desk:review": "supervisor#review-retained-reports",
    "desk:reviews": "supervisor#review-retained-reports",
    "desk:ruleset": "supervisor#change-the-priority-rules",
    "desk:ruleset-draft": "supervisor#change-the-priority-rules",
    "desk:rulesets": "supervisor#change-the-priority-rules",
    "desk:search": "analyst#work-the-queue",
    "desk:second": "measures-officer#approve-as-the-second-person-contreseing",
    "desk:selection": "analyst#work-the-queue",
    "desk:sheet": "judicial-officer#intelligence-sheets",
    "desk:sheets": "judicial-officer#intelligence-sheets",
    "desk:source": "supervisor#lists-of-known-material",
    "desk:source-add": "supervisor#lists-of-known-material",
    "desk:statistics": "statistician",
    "desk:statistics-year": "statistician",
    "desk:suggestion": "analyst#work-on-a-dossier-and-write-notes",
    "desk:suggestions": "analyst#work-on-a-dossier-and-write-notes",
    "desk:team": "supervisor#share-the-work",
    "desk:trends": "statistician",
    "desk:views": "analyst#work-the-queue",
    "desk:views-shared": "analyst#work-the-queue",
    "desk:wall": "supervisor#put-the-wall-board-up",
    "oversight:habilitations": "overseer#review-the-right-to-approve",
    "oversight:home": "overseer",
    "oversight:measure": "overseer",
    "oversight:measures": "overseer",
    "oversight:openings": "overseer#review-opened-identities",
    "oversight:recommendations": "overseer",
    "oversight:session": "overseer#hold-a-session",
    "partners:feedback": "partner-api#read-the-feedback-on-your-reports",
    "partners:laboratory": "laboratory",
    "partners:lists": "provider-lists",
    "partners:report": "partner-api",
    "partners:sent": "partner-api",
}
"""Guide, or guide and section (English id), by the name of a route."""

OF_ROLE: Mapping[Role, str] = {
    Role.ANALYST: "analyst",
    Role.SUPERVISOR: "supervisor",
    Role.JUDICIAL_OFFICER: "judicial-officer",
    Role.MEASURES_OFFICER: "measures-officer",
    Role.OVERSEER: "overseer",
    Role.STATISTICIAN: "statistician",
    Role.LABORATORY: "laboratory",
    Role.PARTNER: "partner-api",
    Role.ADMINISTRATOR: "administrator",
}
"""The guide of a page without one of its own: that of the first role here which the person holds."""


def guide_link(request: HttpRequest, actor: Actor) -> str:
    """Return the URL of the guide of the page that `request` asks for, in the current language.

    Without a guide of the page or of a role of `actor`, that of the list of guides; "" on a node without
    guides.
    """
    match = request.resolver_match
    place = PLACES.get(match.view_name, "") if match else ""
    place = place or next((guide for role, guide in OF_ROLE.items() if actor.has(role)), "")
    guide, _, section = place.partition("#")
    try:
        if not guide:
            return reverse("guides:index")
        address = reverse("guides:guide", args=[guide])
    except NoReverseMatch:
        return ""
    return f"{address}#{section}" if section else address
