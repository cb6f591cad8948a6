"""Settings that contradict each other, or that are for trying out."""

from collections.abc import Iterator

from django.conf import settings

from asgi_app.doctor.finding import Finding, Visit

MIN_SECRET_LENGTH = 50
MIN_DIFFERENT_LETTERS = 12
LOCAL = ("localhost", "127.0.0.1")


def check(visit: Visit) -> Iterator[Finding]:
    host = settings.WEB_DOMAIN.partition(":")[0]
    is_public = host not in LOCAL
    yield from _check_secrets()
    if settings.DEBUG and is_public:
        yield Finding("debug", "DEBUG is on: error pages show secrets to strangers.", "Set DEBUG=false.")
    if "*" in settings.ALLOWED_HOSTS:
        yield Finding(
            "any-host",
            "ALLOWED_HOSTS has *: links in mails can be made to lead to somebody else's site.",
            f"Set ALLOWED_HOSTS={host}, or leave it out.",
        )
    elif host not in settings.ALLOWED_HOSTS and not any(
        allowed.startswith(".") and host.endswith(allowed[1:]) for allowed in settings.ALLOWED_HOSTS
    ):
        yield Finding(
            "host-not-allowed",
            f"People are to come to {host}, which ALLOWED_HOSTS does not have: every page is a 400.",
            f"Add {host} to ALLOWED_HOSTS, or leave it out.",
        )
    if settings.HTTPS and not settings.TRUSTED_PROXIES:
        yield Finding(
            "https-without-proxy",
            "HTTPS is on and no proxy is trusted to say so: every page redirects to itself for ever.",
            "Set TRUSTED_PROXIES to the number of proxies in front, or HTTPS=false.",
        )
    if is_public and not settings.HTTPS:
        yield Finding(
            "no-https",
            "Passwords and session cookies travel in the clear.",
            "Put a proxy with a certificate in front (docs/deploy.md), and drop HTTPS=false.",
        )
    if is_public and settings.MAIL_BACKEND.endswith(("console.EmailBackend", "dummy.EmailBackend")):
        yield Finding(
            "no-mail",
            "Mails go to the log: nobody can reset a forgotten password.",
            "Set EMAIL_URL, e.g. submission://user:password@mail.example.org.",
        )
    if is_public and not settings.SECOND_FACTOR_REQUIRED:
        yield Finding(
            "second-factor-optional",
            "Operators may sign in with a password alone.",
            "Set SECOND_FACTOR_REQUIRED=true once they have set theirs up (/account/second-factor/).",
            "advice",
        )
    if is_public and not settings.METRICS_TOKEN:
        yield Finding(
            "not-watched",
            "Nobody is told what happens: there is no METRICS_TOKEN, so no /metrics.",
            "Set METRICS_TOKEN and give docs/monitoring/ to Prometheus and Grafana.",
            "advice",
        )


def _check_secrets() -> Iterator[Finding]:
    mend = "Make another with: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
    for name, secret in (("SECRET_KEY", settings.SECRET_KEY), *_fallbacks()):
        if len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < MIN_DIFFERENT_LETTERS:
            yield Finding(
                "weak-secret",
                f"{name} can be guessed: {len(secret)} letters, too few of them different.",
                mend,
            )
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < 20:
        yield Finding("weak-metrics-token", "METRICS_TOKEN can be guessed.", mend)


def _fallbacks() -> list[tuple[str, str]]:
    return [("one of SECRET_KEY_FALLBACKS", key) for key in settings.SECRET_KEY_FALLBACKS]
