"""A full report as the public client builds it: every part of the format that it knows, neutral values."""

from datetime import UTC, date, datetime

from ncmec_cybertip import CyberTiplineClient, FileDetails, Report, file_hashes
from ncmec_cybertip.common import (
    Address,
    ContactPerson,
    DeviceId,
    Email,
    EstimatedLocation,
    IpCaptureEvent,
    Person,
    Phone,
)
from ncmec_cybertip.enums import (
    AddressType,
    AssociatedAccountType,
    DetailsType,
    EmailType,
    EventName,
    FileRelevance,
    IncidentType,
    IndustryClassification,
    PhoneType,
)
from ncmec_cybertip.files import Details, FileAnnotations, NameValuePair
from ncmec_cybertip.report import (
    AssociatedAccount,
    ChatImIncident,
    IncidentSummary,
    InternetDetails,
    LawEnforcement,
    PersonOrUserReported,
    ReportAnnotations,
    Reporter,
    Victim,
    WebPageIncident,
)

from tests.live import Live, Partner

FILES = (b"triangle " * 400, b"circle " * 20_000)
"""One that goes into a pack of the vault, one that has a file of its own."""


def full_report() -> Report:
    """Return a report with a suspect, a victim, a web page, a chat and annotations."""
    return Report(
        incident_summary=IncidentSummary(
            incident_type=IncidentType.ONLINE_ENTICEMENT,
            platform="Polygon Talk",
            escalate_to_high_priority="A meeting is planned for Saturday at the square",
            report_annotations=ReportAnnotations(sextortion=True, minor_to_minor_interaction=True),
            incident_date_time=datetime(2026, 11, 20, 21, 14, 5, tzinfo=UTC),
            incident_date_time_description="When the first message was sent",
        ),
        internet_details=[
            InternetDetails(
                web_page_incident=WebPageIncident(
                    third_party_hosted_content=True,
                    url=[
                        "https://shapes.example/Album?id=7&utm_source=x#top",
                        "https://a.test/%7Eb",
                    ],
                    additional_info="Seen on the second page of the album",
                )
            ),
            InternetDetails(
                chat_im_incident=ChatImIncident(
                    chat_client="Polygon Talk",
                    chat_room_name="Blue room",
                    content="A: which shape do you like? B: squares.",
                    additional_info="Whole exchange kept by the provider",
                )
            ),
        ],
        law_enforcement=LawEnforcement(
            agency_name="Example Agency",
            case_number="CASE-2026-17",
            officer_contact=ContactPerson(first_name="Olive", last_name="Officer"),
            reported_to_le=True,
        ),
        reporter=Reporter(
            reporting_person=Person(
                first_name="Rita",
                last_name="Reporter",
                email=[Email(value="rita@provider.example")],
            ),
            contact_person=ContactPerson(first_name="Carl", last_name="Contact"),
            company_template="Template of Polygon Talk",
            terms_of_service="Terms in force in 2026",
            legal_url="https://provider.example/legal",
        ),
        person_or_user_reported=_suspect(),
        victim=[_victim()],
        additional_info="Notes of the provider on the whole report",
    )


def details(report_id: int, file_id: str, content: bytes, number: int) -> FileDetails:
    """Return what the provider says of one of the two files."""
    return FileDetails(
        report_id=report_id,
        file_id=file_id,
        original_file_name=f"drawing-{number}.png",
        uploaded_to_esp_timestamp=datetime(2026, 11, 20, 21, 15, 30 + number, tzinfo=UTC),
        location_of_file=f"https://files.shapes.example/{number}",
        file_viewed_by_esp=number == 0,
        exif_viewed_by_esp=True,
        publicly_available=number == 1,
        file_relevance=FileRelevance.REPORTED,
        file_annotations=FileAnnotations(viral=True, generative_ai=True),
        industry_classification=IndustryClassification.A1
        if number == 0
        else IndustryClassification.B2,
        original_file_hash=file_hashes(content),
        ip_capture_event=IpCaptureEvent(
            ip_address=f"198.51.100.{10 + number}",
            event_name=EventName.UPLOAD,
            date_time=datetime(2026, 11, 20, 21, 15, 40, tzinfo=UTC),
            possible_proxy=True,
            port=50_000 + number,
        ),
        device_id=[DeviceId(id_type="IMEI", id_value="490154203237518")],
        details=[
            Details(
                name_value_pair=[
                    NameValuePair(
                        type=DetailsType.EXIF, name="Camera", value=f"Camera model {number}"
                    )
                ]
            )
        ],
        additional_info=[f"Note on file {number}"],
    )


def _suspect() -> PersonOrUserReported:
    return PersonOrUserReported(
        person=Person(
            first_name="Sam",
            last_name="Suspect",
            phone=[
                Phone(
                    value="06 39 98 00 11",
                    type=PhoneType.MOBILE,
                    verified=True,
                    verification_date=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                    country_calling_code="+33",
                )
            ],
            email=[Email(value="Sam.Suspect@mail.example", type=EmailType.HOME, verified=False)],
            address=[
                Address(
                    type=AddressType.HOME,
                    address="1 Square Street",
                    city="Lille",
                    zip_code="59000",
                    non_usa_state="Nord",
                    country="FR",
                )
            ],
            age=41,
            date_of_birth=date(1985, 3, 2),
        ),
        vehicle_description="Blue van",
        esp_identifier="esp-77812",
        esp_service="Polygon Talk",
        compromised_account=True,
        screen_name="Square_Sam",
        display_name=["Sam of the Squares", "S. S."],
        profile_url=["https://talk.polygon.example/u/square_sam"],
        profile_bio="Draws squares",
        ip_capture_event=[
            IpCaptureEvent(
                ip_address="203.0.113.7",
                event_name=EventName.LOGIN,
                date_time=datetime(2026, 11, 20, 20, 59, 1, tzinfo=UTC),
                possible_proxy=False,
                port=40_122,
            ),
            IpCaptureEvent(ip_address="2001:db8::17", event_name=EventName.REGISTRATION),
        ],
        device_id=[
            DeviceId(id_type="Handset", id_value="device-abc-1", event_name=EventName.LOGIN)
        ],
        third_party_user_reported=False,
        prior_ct_reports=[1234567, 7654321],
        group_identifier="group-9",
        estimated_location=EstimatedLocation(
            verified=True,
            timestamp=datetime(2026, 11, 1, 8, 0, 9, tzinfo=UTC),
            city="Roubaix",
            region="Hauts-de-France",
            country_code="FR",
        ),
        all_emails_reported=True,
        associated_account=[
            AssociatedAccount(
                account_type=AssociatedAccountType.PARENT_GUARDIAN,
                platform="Polygon Pay",
                first_name="Paul",
                middle_name="Quentin",
                last_name="Parent",
                approximate_age=70,
                email=[Email(value="paul.parent@mail.example")],
                screen_name="PaulPay",
                esp_identifier="pay-55",
                additional_info="Pays the subscription",
            )
        ],
        additional_info="Account closed by the provider",
    )


def _victim() -> Victim:
    return Victim(
        person=Person(
            first_name="Vic",
            last_name="Young",
            email=[Email(value="vic@school.example")],
            age=12,
            age_assertion_discrepancy=True,
        ),
        screen_name="VicVeryYoung",
        esp_service="Polygon Talk",
        school_name="Collège des Formes",
        ip_capture_event=[IpCaptureEvent(ip_address="203.0.113.88")],
        estimated_location=EstimatedLocation(city="Arras", country_code="FR"),
        additional_info="Asked for help",
    )


def client_of(server: Live, partner: Partner) -> CyberTiplineClient:
    """Return the public client, with nothing changed but its address."""
    return CyberTiplineClient(
        username=partner.user,
        password=partner.password,
        base_url=f"http://127.0.0.1:{server.port}/ispws",
    )
