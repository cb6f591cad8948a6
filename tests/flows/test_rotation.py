"""Secrets are rotated without anybody noticing: what the former SECRET_KEY signed goes on, and ends with it."""

from django.conf import LazySettings
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.http import urlsafe_base64_encode

from messaging.actions.accounts import create_token, reset_password
from messaging.models import User
from messaging.queries.credentials import credential_of_session, credential_of_token

OLD, NEW = "the-key-so-far-" * 4, "the-key-from-now-on-" * 3


def rotate(settings: LazySettings, fallbacks: list[str]) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, fallbacks


def test_a_page_session_a_token_and_a_mailed_link_outlive_the_key(
    alice: User, settings: LazySettings
) -> None:
    settings.SECRET_KEY = OLD
    client = Client()
    client.force_login(alice)
    session_key = client.session.session_key or ""
    _, token = create_token(user=alice)
    uid, link = urlsafe_base64_encode(str(alice.pk).encode()), default_token_generator.make_token(alice)

    rotate(settings, [OLD])
    socket = credential_of_session(session_key)
    assert socket is not None
    assert socket.user == alice
    assert credential_of_token(token).user == alice
    assert client.get("/account/").status_code == 200  # and signs the session with the new key
    assert default_token_generator.check_token(alice, link)
    reset_password(uid=uid, token=link, password="another-horse-entirely")


def test_whoever_came_meanwhile_stays_when_the_old_key_is_dropped(
    alice: User, settings: LazySettings
) -> None:
    settings.SECRET_KEY = OLD
    came, slept = Client(), Client()
    for client in (came, slept):
        client.force_login(alice)
    rotate(settings, [OLD])
    assert came.get("/account/").status_code == 200
    rotate(settings, [])
    assert came.get("/account/").status_code == 200
    assert slept.get("/account/").status_code == 302
