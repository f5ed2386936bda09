"""Django settings of sign-in: allauth, lock-out, sessions, content security policy.

Lock-out and sessions exist for staff and partners only. They receive no IP address and no user agent, so that
none can be stored.
"""

from datetime import timedelta

from csp.constants import NONCE, NONE, SELF

from fanal.config.environment import Environment


def sign_in_settings(env: Environment) -> dict[str, object]:
    """Return Django's settings for sign-in, sessions, lock-out and the content security policy, by name.

    They are settings of Django, allauth, django-axes and the OpenID Connect provider.
    """
    return {**_SESSIONS, **_ALLAUTH, **_AXES, **_transport(env), **_oidc(env), **_POLICY}


_SESSIONS: dict[str, object] = {
    "AUTH_PASSWORD_VALIDATORS": [
        {
            "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
            "OPTIONS": {"min_length": 12},
        },
        {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    ],
    # allauth keeps its rate-limit counters in Django's cache.
    "CACHES": {"default": {"BACKEND": "fanal.web.account.counters.SharedCounters"}},
    "SESSION_ENGINE": "django.contrib.sessions.backends.db",
    "SESSION_COOKIE_NAME": "fanal_session",
    "SESSION_COOKIE_AGE": int(timedelta(hours=10).total_seconds()),
    "SESSION_EXPIRE_AT_BROWSER_CLOSE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_HTTPONLY": False,  # htmx reads it from the page's header, not from here
    "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
}

_ALLAUTH: dict[str, object] = {
    "LOGIN_URL": "account_login",
    "ACCOUNT_ADAPTER": "fanal.web.account.adapter.AccountAdapter",
    "ACCOUNT_FORMS": {"login": "fanal.web.account.adapter.CanonicalLoginForm"},
    "ACCOUNT_LOGIN_METHODS": {"username"},
    "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*", "password2*"],
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "ACCOUNT_EMAIL_NOTIFICATIONS": False,
    "ACCOUNT_PRESERVE_USERNAME_CASING": False,
    "ACCOUNT_SESSION_REMEMBER": False,
    "ACCOUNT_LOGOUT_ON_GET": False,
    "ACCOUNT_PREVENT_ENUMERATION": True,
    "ACCOUNT_REAUTHENTICATION_TIMEOUT": 600,
    # Wrong passwords and one-time codes count against the account, whatever address they come from; a
    # limit by address would shut out a whole desk behind one proxy. How many passwords are compared at
    # a time is the gate's (`config.gate`).
    "ACCOUNT_RATE_LIMITS": {
        "login": None,
        "login_failed": "6/5m/key",
        "reauthenticate": "10/m/user",
        "change_password": "5/m/user",
    },
    "SOCIALACCOUNT_ADAPTER": "fanal.web.account.adapter.SocialAccountAdapter",
    "SOCIALACCOUNT_AUTO_SIGNUP": False,
    "SOCIALACCOUNT_STORE_TOKENS": False,
    "SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX": "",
    "MFA_ADAPTER": "fanal.web.account.adapter.MFAAdapter",
    "MFA_FORMS": {
        "activate_totp": "fanal.web.account.factor_forms.EnrolWithCode",
        "authenticate": "fanal.web.account.factor_forms.SignInWithCode",
        "reauthenticate": "fanal.web.account.factor_forms.ProveAgainWithCode",
        "add_webauthn": "fanal.web.account.factor_forms.AddKey",
        "authenticate_webauthn": "fanal.web.account.factor_forms.SignInWithKey",
        "reauthenticate_webauthn": "fanal.web.account.factor_forms.ProveAgainWithKey",
    },
    "MFA_SUPPORTED_TYPES": ["totp", "webauthn", "recovery_codes"],
    "MFA_TOTP_ISSUER": "Fanal",
    "MFA_TOTP_TOLERANCE": 1,
    "MFA_ALLOW_UNVERIFIED_EMAIL": True,
    "MFA_PASSKEY_LOGIN_ENABLED": False,
    "MFA_PASSKEY_SIGNUP_ENABLED": False,
    "MFA_TRUST_ENABLED": False,
    "MFA_RECOVERY_CODES_SHOW_ONCE": True,
}

_AXES: dict[str, object] = {
    "AXES_FAILURE_LIMIT": 5,
    "AXES_COOLOFF_TIME": "fanal.web.account.lockout.wait_of",
    "AXES_LOCKOUT_PARAMETERS": ["username"],
    "AXES_RESET_ON_SUCCESS": True,
    "AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT": False,
    "AXES_USERNAME_FORM_FIELD": "login",
    "AXES_USERNAME_CALLABLE": "fanal.web.account.lockout.counted_as",
    "AXES_CLIENT_IP_CALLABLE": "fanal.web.account.lockout.no_address",
    "AXES_HANDLER": "fanal.web.account.lockout.FailureCounter",
    "AXES_LOCKOUT_CALLABLE": "fanal.web.account.lockout.locked_out",
    "AXES_DISABLE_ACCESS_LOG": True,
    "AXES_ENABLE_ACCESS_FAILURE_LOG": False,
    "AXES_VERBOSE": False,
    "AXES_ENABLE_ADMIN": False,
}


_POLICY: dict[str, object] = {
    # Nothing but this host, nothing inline without the request's nonce; pictograms are data.
    # No form may post or redirect to another host: a page leads to the provider
    # (`web.account.single_sign_on`).
    "CONTENT_SECURITY_POLICY": {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF, NONCE],
            "style-src": [SELF, NONCE],
            "img-src": [SELF, "data:"],
            "font-src": [SELF],
            "connect-src": [SELF],
            "worker-src": [SELF],
            "manifest-src": [SELF],
            "form-action": [SELF],
            "base-uri": [NONE],
            "frame-ancestors": [NONE],
        }
    }
}


def _transport(env: Environment) -> dict[str, object]:
    """Return the TLS settings by name: cookies and HSTS require HTTPS.

    A demo or test on loopback is excepted.
    """
    secure = not env.demo
    return {
        "SESSION_COOKIE_SECURE": secure,
        "CSRF_COOKIE_SECURE": secure,
        "SECURE_HSTS_SECONDS": int(timedelta(days=365).total_seconds()) if secure else 0,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        # "same-origin" and not "no-referrer": with the latter browsers send `Origin: null` in our own forms,
        # and the public steps rest on that header. Other hosts get no referrer either way.
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if secure else None,
        "X_FRAME_OPTIONS": "DENY",
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": env.demo,
    }


def _oidc(env: Environment) -> dict[str, object]:
    """Return the settings of the OpenID Connect provider (ProConnect's profile), as allauth expects them.

    The only key is `SOCIALACCOUNT_PROVIDERS`. Without a configured provider URL it lists no provider.
    """
    if not env.oidc_url:
        return {"SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"APPS": []}}}
    app = {
        "provider_id": "oidc",
        "name": env.oidc_name,
        "client_id": env.oidc_client_id,
        "secret": env.oidc_client_secret,
        "settings": {
            "server_url": env.oidc_url,
            "token_auth_method": "client_secret_post",
            "oauth_pkce_enabled": True,
            "fetch_userinfo": False,
        },
    }
    return {"SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"APPS": [app]}}}
