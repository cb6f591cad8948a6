"""Your devices: where one is signed in, by token and in browsers, since when, last seen when; and signing out from there."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging.actions.accounts import create_token, delete_account
from messaging.actions.devices import note_token_seen, prune_page_sessions
from messaging.agents import called
from messaging.models import PageSession, Token, User
from messaging.queries.devices import devices_of
from tests.api.door import Caller
from tests.conftest import PASSWORD
from tests.pages.visitor import Page, Visitor

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


def browser(user: User, agent: str = FIREFOX) -> Visitor:
    """Signed in by the form, as people do."""
    visitor = Visitor()
    visitor.client.defaults["HTTP_USER_AGENT"] = agent
    form = visitor.open("/login/").form("Log in")
    assert visitor.submit(form, identifier=user.username, password=PASSWORD).url == "/"
    return visitor


def listed(page: Page) -> list[str]:
    """The names of the devices, in the order of the page."""
    return [each.all("bdi")[0].said for each in page.content.all("ul", class_="device-list")[0].all("li")]


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.open("/account/").url == "/account/"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        (PHONE, "Safari, iOS"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28", "python-httpx"),
        ("Mozilla/5.0", ""),
        ("<script>", ""),
        ("", ""),
        ("A" * 100_000, "A" * 40),
    ],
)
def test_what_a_device_is_called(agent: str, name: str) -> None:
    assert called(agent) == name


def test_browsers_and_apps_are_listed_and_one_is_signed_out(alice: User, bob: User) -> None:
    here, phone, bobs = browser(alice), browser(alice, PHONE), browser(bob)
    _, secret = create_token(user=alice, name="<b>tablet</b>")
    page = here.open("/account/devices/")
    assert sorted(listed(page)) == ["<b>tablet</b>", "Firefox, Linux", "Safari, iOS"]
    assert listed(page)[0] == "Firefox, Linux", "the one that asks comes first"
    assert not page.has("button", "Sign out Firefox, Linux")
    keys = [secret, *Session.objects.values_list("session_key", flat=True)]
    assert not any(key in page.html for key in keys)

    page = here.submit(page.form("Sign out Safari, iOS"))
    assert page.notices == ["That device has been signed out."]
    assert not is_signed_in(phone)
    assert is_signed_in(here)
    assert is_signed_in(bobs)
    here.submit(page.form("Sign out <b>tablet</b>"))
    assert not Token.objects.exists()
    assert listed(bobs.open("/account/devices/")) == ["Firefox, Linux"]


def test_everywhere_else_at_once(alice: User, bob: User) -> None:
    here, phone, bobs, app = browser(alice), browser(alice, PHONE), browser(bob), Caller(alice)
    page = here.submit(here.open("/account/devices/").form("Sign out everywhere else"))
    assert (page.notices, listed(page)) == (["You are signed in here and nowhere else."], ["Firefox, Linux"])
    assert [is_signed_in(each) for each in (here, phone, bobs)] == [True, False, True]
    assert app.get("/api/me/").status == 401


def test_charlie_signs_out_nobody(alice: User, charlie: User) -> None:
    here, as_charlie = browser(alice), Caller(charlie)
    token, _ = create_token(user=alice)
    form = here.open("/account/devices/").form("Sign out this device")
    intruder = browser(charlie)
    form.fields |= intruder.open("/").form("Log out").fields
    assert intruder.submit(form).status == 404
    for device in devices_of(alice):
        assert as_charlie.delete(f"/api/devices/{device.id}/").code == "no_such_device"
    as_charlie.delete("/api/devices/")
    assert Token.objects.filter(pk=token.pk).exists()
    assert is_signed_in(here)
    assert Visitor().open("/account/devices/").url.startswith("/login/")
    assert Caller().delete("/api/devices/").status == 401


def test_over_rest_by_token_and_by_session(alice: User) -> None:
    here = browser(alice)
    answer = (
        Caller()
        .saying({"User-Agent": "curl/8.5.0"})
        .post("/auth/token/login/", username="alice", password=PASSWORD)
    )
    assert answer.body["name"] == "curl"
    app = Caller(token=answer.body["auth_token"])
    first, second = app.get("/api/devices/").body["devices"]
    assert (first["id"], first["kind"], first["current"]) == (answer.body["id"], "token", True)
    assert (second["name"], second["kind"], second["current"]) == ("Firefox, Linux", "session", False)
    assert all(each["created_at"] < each["expires_at"] and each["seen_at"] for each in (first, second))

    own = here.client.get("/api/devices/").json()["devices"]
    assert [(each["kind"], each["current"]) for each in own] == [("session", True), ("token", False)]
    assert app.delete("/api/devices/").body == {"signed_out": 1}
    assert not is_signed_in(here)
    assert app.delete(f"/api/devices/{second['id']}/").code == "no_such_device"
    assert app.delete(f"/api/devices/{first['id']}/").status == 204
    assert app.get("/api/devices/").status == 401


def test_a_page_may_sign_itself_out(alice: User) -> None:
    for path in ("/account/devices/{}/revoke/", "/api/devices/{}/"):
        here = Client()
        here.force_login(alice)
        (device,) = [each for each in here.get("/api/devices/").json()["devices"] if each["current"]]
        ask = here.delete if path.startswith("/api") else here.post
        assert ask(path.format(device["id"])).status_code in (204, 302)
        assert here.get("/api/me/").status_code == 401
    assert not PageSession.objects.exists()


def test_a_device_is_written_down_at_most_once_in_five_minutes(alice: User) -> None:
    here, app = browser(alice), Caller(alice)
    ask: dict[str, Callable[[], int]] = {
        "token": lambda: app.get("/api/me/").status,
        "page": lambda: here.open("/people/").status,
    }
    writes: dict[str, list[int]] = {name: [] for name in ask}
    now = timezone.now()
    for minutes in (1, 4, 6, 7, 10, 12):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            for name, use in ask.items():
                with CaptureQueriesContext(connection) as queries:
                    assert use() == 200
                if any(each["sql"].startswith("UPDATE") for each in queries.captured_queries):
                    writes[name].append(minutes)
    assert writes == {"token": [6, 12], "page": [6, 12]}
    seen = {device.kind: device.seen_at for device in devices_of(alice)}
    for kind in ("token", "session"):
        assert timedelta(minutes=12) <= (seen[kind] or now) - now < timedelta(minutes=13)
    # Whoever uses a token puts off its end.
    assert Token.objects.get().expiry > now + timedelta(days=90, minutes=11)
    with time_machine.travel(now + timedelta(minutes=30)), CaptureQueriesContext(connection) as queries:
        row = Token.objects.get()
        for _ in range(3):  # of requests that are answered together
            note_token_seen(token=row)
    assert [each["sql"][:6] for each in queries.captured_queries] == ["SELECT", "UPDATE"]


def test_a_browser_stays_the_same_device_with_a_new_password_and_others_go(alice: User) -> None:
    here = browser(alice)
    browser(alice, PHONE)
    (before,) = [each for each in devices_of(alice) if each.name == "Firefox, Linux"]
    form = here.open("/password/change/").form("Change it")
    here.submit(form, current_password=PASSWORD, new_password="another-horse-entirely")
    alice.refresh_from_db()
    (after,) = devices_of(alice, current=before.id)
    assert (after.id, after.created_at, after.current) == (before.id, before.created_at, True)
    assert listed(here.open("/account/devices/")) == ["Firefox, Linux"]


def test_what_is_over_is_forgotten(alice: User) -> None:
    here, phone = browser(alice), browser(alice, PHONE)
    here.submit(here.open("/").form("Log out"))
    assert [each.name for each in PageSession.objects.all()] == ["Safari, iOS"]
    phone.client.session.delete()
    assert devices_of(alice) == []
    assert prune_page_sessions() == 0, "it may be just beginning"
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert prune_page_sessions() == 1
    browser(alice)
    delete_account(user=alice)
    assert not PageSession.objects.exists()
