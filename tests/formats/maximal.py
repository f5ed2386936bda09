"""A maximal NCMEC report: every element and attribute of the public list, several of each repeatable one."""

from dataclasses import dataclass
from random import Random

from lxml import etree

from fanal.formats.ncmec.model import ROOTS, TYPES
from tests.formats.ncmec_documents import Filling

# The public element list, type by type, in its order: `*` several, `!` required, `@` an attribute.
# Written here by hand, so that a schema of ours that forgets one is found out.
_SERVICE = (
    "vehicleDescription espIdentifier espService compromisedAccount screenName displayName* profileUrl*"
    " profileBio ipCaptureEvent* deviceId* thirdPartyUserReported priorCTReports* groupIdentifier"
    " accountTemporarilyDisabled accountPermanentlyDisabled estimatedLocation allEmailsReported"
    " associatedAccount*"
)
PUBLIC_LIST = {
    "report": "batchedReport incidentSummary! internetDetails* lawEnforcement reporter! personOrUserReported*"
    " intendedRecipient* victim* additionalInfo",
    "batchedReport": "@reason!",
    "incidentSummary": "incidentType! platform escalateToHighPriority reportAnnotations incidentDateTime!"
    " incidentDateTimeDescription",
    "reportAnnotations": "sextortion csamSolicitation minorToMinorInteraction spam sadisticOnlineExploitation"
    " informational",
    "internetDetails": "webPageIncident emailIncident newsgroupIncident chatImIncident onlineGamingIncident"
    " cellPhoneIncident nonInternetIncident peer2peerIncident",
    "webPageIncident": "url* additionalInfo @thirdPartyHostedContent",
    "emailIncident": "emailAddress* content additionalInfo",
    "newsgroupIncident": "name emailAddress* content additionalInfo",
    "chatImIncident": "chatClient chatRoomName content additionalInfo",
    "onlineGamingIncident": "gameName console content additionalInfo",
    "cellPhoneIncident": "phoneNumber latitude longitude additionalInfo",
    "nonInternetIncident": "locationName incidentAddress* additionalInfo",
    "peer2peerIncident": "client ipCaptureEvent* fileNames additionalInfo",
    "lawEnforcement": "agencyName! caseNumber officerContact reportedToLe servedLegalProcessDomestic"
    " servedLegalProcessInternational",
    "servedLegalProcessInternational": "@fleaCountry",
    "reporter": "reportingPerson! contactPerson companyTemplate termsOfService legalURL",
    "personOrUserReported": f"personOrUserReportedPerson {_SERVICE} additionalInfo",
    "intendedRecipient": f"intendedRecipientPerson {_SERVICE} additionalInfo*",
    "victim": "victimPerson! espIdentifier espService compromisedAccount screenName displayName* profileUrl*"
    " profileBio ipCaptureEvent* deviceId* schoolName priorCTReports* accountTemporarilyDisabled"
    " accountPermanentlyDisabled estimatedLocation allEmailsReported associatedAccount* additionalInfo",
    "person": "firstName lastName phone* email* address* age ageAssertionDiscrepancy dateOfBirth",
    "email": "@type @verified @verificationDate",
    "phone": "@type @verified @verificationDate @countryCallingCode @extension",
    "address": "address city zipCode state nonUsaState country @type",
    "ipCaptureEvent": "ipAddress! eventName dateTime possibleProxy port",
    "deviceId": "idType! idValue! eventName dateTime",
    "estimatedLocation": "city region countryCode @verified @timestamp",
    "accountDisabled": "@disabledDate @userNotified @userNotifiedDate @reenabledDate",
    "associatedAccount": "platform firstName middleName lastName approximateAge dateOfBirth phone* email*"
    " allEmailsReported address* espService espIdentifier profileUrl* screenName displayName* profileBio"
    " groupIdentifier compromisedAccount accountTemporarilyDisabled accountPermanentlyDisabled"
    " ipCaptureEvent* deviceId* priorCTReport* additionalInfo @type!",
    "associatedPlatform": "@thirdPartyUser",
    "fileDetails": "reportId! fileId! fileName originalFileName uploadedToEspTimestamp locationOfFile"
    " fileViewedByEsp exifViewedByEsp publiclyAvailable fileRelevance potentialMeme fileAnnotations"
    " industryClassification originalFileHash* ipCaptureEvent deviceId* details* additionalInfo*",
    "fileAnnotations": "animeDrawingVirtualHentai potentialMeme viral possibleSelfProduction physicalHarm"
    " violenceGore bestiality liveStreaming infant generativeAi",
    "originalFileHash": "@hashType!",
    "details": "nameValuePair*! @type",
    "nameValuePair": "name! value!",
}


def schema_list() -> dict[str, str]:
    """Return our schema in the same words."""
    return {
        name: " ".join(
            [
                f"{e.name}{'*' if e.repeatable else ''}{'!' if e.required and not _chosen(name, e.name) else ''}"
                for e in kind.elements.values()
            ]
            + [f"@{a.name}{'!' if a.required else ''}" for a in kind.attributes.values()]
        )
        for name, kind in TYPES.items()
    }


def _chosen(type_name: str, name: str) -> bool:
    return any(name in group for group in TYPES[type_name].groups)


@dataclass(frozen=True, slots=True)
class Maximal:
    """The report, and the details of its files."""

    report: bytes
    files: tuple[bytes, ...]


def maximal() -> Maximal:
    """Return the report with two of every kind of `internetDetails`, and files with each choice."""
    fill = Filling(Random(1), share=1.0)
    report = fill.element(ROOTS["report"])
    [first, second] = report.findall("internetDetails")
    place = list(report).index(first)
    report.remove(first)
    report.remove(second)
    model = TYPES["report"].elements["internetDetails"]
    kinds = len(TYPES["internetDetails"].elements)
    for number in range(2 * kinds):
        fill.branch = number
        report.insert(place + number, fill.element(model))
    files = []
    for number in range(3):
        fill.branch = number  # the choice between `potentialMeme` and `fileAnnotations`
        files.append(etree.tostring(fill.element(ROOTS["fileDetails"]), encoding="UTF-8"))
    return Maximal(etree.tostring(report, encoding="UTF-8", xml_declaration=True), tuple(files))


def listed(document: bytes) -> list[tuple[str, str]]:
    """Return every element with its text and every attribute, with their paths, in document order.

    A flag says `true` whether it is written out or empty; the order of attributes means nothing.
    """
    found: list[tuple[str, str]] = []

    def walk(element: etree._Element, path: str) -> None:
        text = element.text or "" if not len(element) else ""
        flag = element.getparent() is not None and str(element.getparent().tag).endswith(
            "Annotations"
        )
        found.append((path, "true" if flag else text))
        found.extend(sorted((f"{path}/@{name}", value) for name, value in element.items()))
        counts: dict[str, int] = {}
        for child in element:
            name = str(child.tag)
            counts[name] = counts.get(name, 0) + 1
            walk(child, f"{path}/{name}[{counts[name]}]")

    root = etree.fromstring(document)
    walk(root, str(root.tag))
    return found
