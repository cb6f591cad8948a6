"""One's own account in the app: its name and password, a second factor, and leaving, in the reader's language."""

import re
import time

from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.async_api import expect

from messaging.actions.second_factor import confirm_second_factor, offer_second_factor
from messaging.database import DatabaseThreads
from messaging.queries.users import person_named
from tests.browser.app_person import AppPerson
from tests.browser.conftest import NewAppPerson, NewPage
from tests.conftest import PASSWORD
from tests.live_server import LiveServer

UNTIL_NOTHING_IS_KEPT = """async () => {
    while ((await indexedDB.databases()).length > 0) {
        await new Promise(done => setTimeout(done, 50));
    }
}"""
NEW_PASSWORD = "violet-harbour-seven"


def _begin_second_factor(name: str) -> str:
    """One of its recovery codes."""
    user = person_named(name)
    offer_second_factor(user=user)
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time()
    return confirm_second_factor(user=user, code=f"{totp.token():06}")[0]


async def test_name_password_and_leaving(app_user: NewAppPerson) -> None:
    alice = await app_user("alice", locale="de-DE")
    page = alice.page
    await alice.open("/app/account")
    await page.get_by_label("Vorname").fill("Alice")
    await page.get_by_label("Benutzername").fill(f"{alice.name}-neu")
    await page.get_by_label("Jetziges Passwort").first.fill(PASSWORD)
    await page.get_by_role("button", name="Speichern").click()
    await expect(page.get_by_text("Gespeichert.")).to_be_visible()
    await expect(page.locator(".own-name")).to_have_text(f"{alice.name}-neu")

    passwords = page.locator("form", has=page.get_by_label("Neues Passwort"))
    await passwords.get_by_label("Jetziges Passwort").fill("something else")
    await passwords.get_by_label("Neues Passwort").fill(NEW_PASSWORD)
    await passwords.get_by_role("button").click()
    await expect(passwords.locator(".error")).to_have_text("Das Passwort ist falsch.")
    await passwords.get_by_label("Jetziges Passwort").fill(PASSWORD)
    await passwords.get_by_label("Neues Passwort").fill("12345")
    await passwords.get_by_role("button").click()
    # In Django's words, which the server chooses by the language that was chosen here.
    await expect(passwords.locator(".error")).to_contain_text("Dieses Passwort ist zu kurz")
    await alice.is_accessible()
    await passwords.get_by_label("Neues Passwort").fill(NEW_PASSWORD)
    await passwords.get_by_role("button").click()
    await expect(page.get_by_text("Dein Passwort ist geändert.")).to_be_visible()

    await page.get_by_role("button", name="Code für einen Bot erstellen").click()
    await expect(page.locator("[data-code]")).to_have_text(re.compile(r"^/start link_[\w-]{20}"))
    await page.get_by_role("button", name="Konto löschen").click()
    await alice.is_accessible()
    await page.get_by_role("dialog").get_by_label("Jetziges Passwort").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Endgültig löschen").click()
    await expect(page).to_have_url(re.compile("/app/sign-in"))
    await page.get_by_label("Benutzername oder E-Mail").fill(f"{alice.name}-neu")
    await page.get_by_label("Passwort").fill(NEW_PASSWORD)
    await page.get_by_role("main").get_by_role("button").click()
    await expect(page.locator(".error")).to_be_visible()


async def test_signing_in_with_a_second_factor(
    site: LiveServer, app_user: NewAppPerson, acting: DatabaseThreads, new_window: NewPage
) -> None:
    alice = await app_user("alice")
    code = await acting.run(_begin_second_factor, alice.name)
    elsewhere = AppPerson(await new_window(), site, alice.name)
    page = elsewhere.page
    await elsewhere.open("/app/sign-in")
    await expect(page.get_by_label("Code of your second factor")).to_have_count(0)
    await page.get_by_label("Username or e-mail").fill(alice.name)
    await page.get_by_label("Password").fill(PASSWORD)
    await elsewhere.press("Sign in")
    field = page.get_by_label("Code of your second factor")
    await expect(field).to_be_focused()
    await field.fill("000000")
    await elsewhere.press("Sign in")
    await expect(page.get_by_text("This code is wrong or has expired.")).to_be_visible()
    await elsewhere.is_accessible()
    await field.fill(code)
    await elsewhere.press("Sign in")
    await page.locator(".shell").wait_for()


async def test_signing_out_asks_about_what_is_not_sent_and_leaves_nothing(app_user: NewAppPerson) -> None:
    alice = await app_user("alice")
    page = alice.page
    await page.context.route("**/api/chats/*/messages/", lambda route: route.abort())
    await alice.say("not yet")
    await expect(page.locator("[data-draft-state]")).to_have_text("Waiting to be sent")
    await page.get_by_role("link", name=alice.name).click()
    await alice.press("Sign out here")
    await expect(page.get_by_role("dialog")).to_contain_text("1 message is not sent yet")
    await alice.is_accessible()
    await alice.press("Cancel")
    await page.go_back()
    await expect(page.locator("[data-draft-state]")).to_have_count(1)
    await page.go_forward()
    await alice.press("Sign out here")
    await page.get_by_role("dialog").get_by_role("button", name="Sign out here").click()
    await expect(page).to_have_url(re.compile("/app/sign-in"))
    await page.evaluate(UNTIL_NOTHING_IS_KEPT)
    assert await page.evaluate("localStorage['parley.session']") is None
