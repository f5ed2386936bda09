"""Single sign-on against a provider of ProConnect's shape, over real HTTP on loopback."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection
from django.test import Client

from fanal.kernel.actors import Role
from fanal.web.account.single_sign_on import SubjectTaken, link_subject
from tests.integration.accounts.people import PASSWORD, Make

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]

CLIENT, SECRET = "fanal-test", "a secret of the provider"


class Provider:
    """A stub that keeps what it was asked, checks PKCE, and signs what `claims` says."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes: dict[str, str] = {}
        self.claims: dict[str, object] = {}
        self.token_calls: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def authorize(self, location: str) -> str:
        """Play the person who agrees: return the address the browser is sent back to."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = query["code_challenge"]
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?code={code}&state={query['state']}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        """Answer the token request."""
        self.token_calls.append(form)
        challenge = self.codes.pop(form.get("code", ""), "")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
            return 400, {"error": "invalid_grant"}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 60,
        }
        signed = jwt.encode(claims | self.claims, self.key, algorithm="RS256", headers={"kid": "1"})
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": signed}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(
                200,
                {
                    "issuer": provider.issuer,
                    "authorization_endpoint": f"{provider.issuer}/authorize",
                    "token_endpoint": f"{provider.issuer}/token",
                    "userinfo_endpoint": f"{provider.issuer}/userinfo",
                    "jwks_uri": f"{provider.issuer}/jwks",
                },
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(*provider.token({k: v[0] for k, v in parse_qs(body).items()}))

        def _answer(self, status: int, content: dict[str, object]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def provider(settings: object) -> Iterator[Provider]:
    from fanal.config.environment import read_environment
    from fanal.config.sign_in import sign_in_settings

    stub = Provider()
    env = read_environment(
        {
            "FANAL_OIDC_URL": f"{stub.issuer}/.well-known/openid-configuration",
            "FANAL_OIDC_CLIENT_ID": CLIENT,
            "FANAL_OIDC_CLIENT_SECRET": SECRET,
        }
    )
    values = sign_in_settings(env)
    settings.SOCIALACCOUNT_PROVIDERS = values["SOCIALACCOUNT_PROVIDERS"]
    settings.CONTENT_SECURITY_POLICY = values["CONTENT_SECURITY_POLICY"]
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
    stub.thread.join()


def _to_provider(web: Client) -> str:
    answer = web.post("/fr/login/with/oidc/login/")
    assert answer.status_code == 302
    return answer["Location"]


def test_the_sign_in_page_offers_the_provider(web: Client, provider: Provider) -> None:
    page = web.get("/fr/login/")
    assert "ProConnect" in page.content.decode()
    assert provider.issuer in page["Content-Security-Policy"]


def test_a_linked_subject_signs_in_and_still_owes_the_second_factor(
    web: Client, provider: Provider, make_user: Make
) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    link_subject(user=user, subject="subject-1")
    answer = web.get(provider.authorize(_to_provider(web)))
    assert answer.status_code == 302
    assert answer["Location"] == "/fr/desk/"
    assert web.get("/fr/account/").status_code == 200
    assert web.get("/fr/account/habilitations/")["Location"] == "/fr/account/second-factor/"
    assert "code_verifier" in provider.token_calls[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM socialaccount_socialtoken")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("process", ["connect", "redirect"])
def test_nobody_links_a_subject_to_their_own_account(
    web: Client, provider: Provider, make_user: Make, process: str
) -> None:
    from allauth.socialaccount.models import SocialAccount

    make_user("claire", Role.SUPERVISOR)
    assert web.post("/fr/login/", {"login": "claire", "password": PASSWORD}).status_code == 302
    answer = web.post(f"/fr/login/with/oidc/login/?process={process}")
    assert answer.status_code == 302
    back = web.get(provider.authorize(answer["Location"]))
    assert (back.status_code, back["Location"]) == (302, "/fr/account/")
    assert not SocialAccount.objects.exists()
    home = web.get("/fr/account/").content.decode()
    assert "Seul un administrateur" in home


def test_an_unknown_subject_opens_nothing(web: Client, provider: Provider, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    provider.claims = {"sub": "stranger", "email": "claire@example.test", "email_verified": True}
    answer = web.get(provider.authorize(_to_provider(web)))
    assert answer.status_code in {200, 302, 403}
    assert web.get("/fr/account/").status_code == 302
    assert type(user).objects.count() == 1


@pytest.mark.parametrize(
    "claims", [{"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"aud": None}]
)
def test_a_token_for_somebody_else_is_refused(
    web: Client, provider: Provider, make_user: Make, claims: dict[str, object]
) -> None:
    link_subject(user=make_user("claire", Role.SUPERVISOR), subject="subject-1")
    provider.claims = {k: v for k, v in claims.items() if v is not None} or {"aud": ["x", "y"]}
    web.get(provider.authorize(_to_provider(web)))
    assert web.get("/fr/account/").status_code == 302


def test_a_state_of_another_browser_is_refused(
    web: Client, provider: Provider, make_user: Make
) -> None:
    link_subject(user=make_user("claire", Role.SUPERVISOR), subject="subject-1")
    back = provider.authorize(_to_provider(web))
    victim = Client(headers={"X-Forwarded-Proto": "https"})
    victim.get(back)
    assert victim.get("/fr/account/").status_code == 302
    assert not provider.token_calls, "the code was not even spent"


def test_a_closed_account_stays_closed(web: Client, provider: Provider, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    link_subject(user=user, subject="subject-1")
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    web.get(provider.authorize(_to_provider(web)))
    assert web.get("/fr/account/").status_code == 302


def test_a_subject_belongs_to_one_account(make_user: Make) -> None:
    link_subject(user=make_user("ana"), subject="subject-1")
    with pytest.raises(SubjectTaken):
        link_subject(user=make_user("bruno"), subject="subject-1")
