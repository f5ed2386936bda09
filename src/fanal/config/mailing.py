"""The mailer of this process, built from the settings in environment variables."""

from fanal.config.environment import Environment
from fanal.connectors.mail import Mailer


def mailer_of(environment: Environment) -> Mailer:
    """Return the mailer with the settings `FANAL_SMTP_URL`, `FANAL_MAIL_FROM` and `FANAL_DUTY`."""
    return Mailer(
        url=environment.smtp_url,
        sender=environment.mail_from,
        duty=tuple(environment.duty_addresses),
        folder=environment.home / "mail",
        demo=environment.demo,
        host=next((name for host in environment.hosts if (name := host.lstrip("*."))), "localhost"),
    )
