"""A provider of single sign-on for tests, over real HTTP on loopback; it says and signs what a test asks of it."""

import base64
import hashlib
import html
import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse

CLIENT, SECRET = "fanal-test", "a secret of the provider"
WELL_KNOWN = "/.well-known/openid-configuration"
Claims = dict[str, object]
_LEADS = re.compile(r'<meta http-equiv="refresh" content="0; url=([^"]+)">')


def led_to(answer: HttpResponse) -> str:
    """Return where the page that answers the button of single sign-on leads; empty where it leads nowhere."""
    found = _LEADS.search(answer.content.decode())
    return html.unescape(found[1]) if found else ""


def set_up(settings: object, provider: "Provider") -> None:
    """Set an installation up for a provider."""
    from fanal.config.environment import read_environment
    from fanal.config.sign_in import sign_in_settings

    env = read_environment(
        {
            "FANAL_OIDC_URL": f"{provider.issuer}{WELL_KNOWN}",
            "FANAL_OIDC_CLIENT_ID": CLIENT,
            "FANAL_OIDC_CLIENT_SECRET": SECRET,
        }
    )
    settings.SOCIALACCOUNT_PROVIDERS = sign_in_settings(env)["SOCIALACCOUNT_PROVIDERS"]  # type: ignore[attr-defined]


def new_key() -> rsa.RSAPrivateKey:
    """Return a key to sign with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """Keeps what it was asked, checks PKCE, and signs what `claims` says; None leaves a member out."""

    def __init__(self) -> None:
        self.key = new_key()
        self.codes: dict[str, tuple[str, str]] = {}
        self.claims: Claims = {}
        self.says: Claims = {}
        self.answers: Claims = {}
        self.raw: dict[str, tuple[int, bytes]] = {}
        self.moved: dict[str, str] = {}
        self.sign: Callable[[Claims], object] = self.signed
        self.keys: list[Claims] = [self.public(self.key)]
        self.token_calls: list[dict[str, str]] = []
        self.asked: list[dict[str, str]] = []
        self.home = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def in_clear(self) -> str:
        """The same server by an address that is reached here, and is not loopback's."""
        return f"http://0.0.0.0:{self.server.server_port}"

    @staticmethod
    def public(key: rsa.RSAPrivateKey, **more: object) -> Claims:
        """Return the public half of a key as its entry of the key set."""
        entry = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {**entry, "kid": "1", "use": "sig", "alg": "RS256", **more}

    def signed(self, claims: Claims) -> object:
        """Return the identity token, as an honest provider signs it."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "1"})

    def authorize(self, location: str) -> str:
        """Play the person who agrees: return the address the browser is sent back to."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        self.asked.append(query)
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = query["code_challenge"], query.get("nonce", "")
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?code={code}&state={query['state']}"

    def token(self, form: dict[str, str]) -> tuple[int, Claims]:
        """Answer the token request."""
        self.token_calls.append(form)
        challenge, nonce = self.codes.pop(form.get("code", ""), ("", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
            return 400, {"error": "invalid_grant"}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        now = int(time.time())
        claims: Claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 60,
            "nonce": nonce,
        }
        signed = self.sign(_without_none(claims | self.claims))
        answer: Claims = {"access_token": "x", "token_type": "Bearer", "id_token": signed}
        return 200, _without_none(answer | self.answers)

    def discovery(self) -> Claims:
        """Return what the provider says of itself."""
        said: Claims = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        return _without_none(said | self.says)


def _without_none(values: Claims) -> Claims:
    return {name: value for name, value in values.items() if value is not None}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one small server
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith(("/authorize?", "/people?")):
                self._lead(self.path)
            elif self.path == "/userinfo":
                self._answer(200, {"sub": "subject-1"})
            elif self.path == "/jwks":
                self._answer(200, {"keys": provider.keys})
            else:
                self._answer(200, provider.discovery())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path in provider.moved:
                self._answer(0, {})
                return
            self._answer(*provider.token({k: v[0] for k, v in parse_qs(body).items()}))

        def _lead(self, path: str) -> None:
            """Lead a browser to another host, where the person agrees, and from there back."""
            people = f"http://localhost:{provider.server.server_port}/people?"
            asked = path.partition("?")[2]
            on = people + asked if path.startswith("/authorize?") else provider.home
            self.send_response(302)
            self.send_header(
                "Location", on if on.startswith(people) else on + provider.authorize(path)
            )
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _answer(self, status: int, content: Claims) -> None:
            target = provider.moved.get(self.path)
            status, body = provider.raw.get(self.path, (status, json.dumps(content).encode()))
            self.send_response(307 if target else status)
            if target:
                self.send_header("Location", target)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler
