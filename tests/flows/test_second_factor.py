"""The second factor cannot be gone around: not by token, page session, password reset or the socket; and without one an
operator has no rights where one is required.
"""

import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.http import urlsafe_base64_encode
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from messaging.actions.accounts import create_token, delete_account, log_in, suspend_user, with_code
from messaging.actions.second_factor import confirm_second_factor, offer_second_factor
from messaging.database import DatabaseThreads
from messaging.errors import Forbidden, Invalid, TooMany
from messaging.models import LoginFailure, Token, User
from tests.api.door import Caller
from tests.asgi_app.raw import RawSocket
from tests.conftest import PASSWORD
from tests.live_server import LiveServer
from tests.pages.visitor import Visitor

Start = Callable[..., Awaitable[LiveServer]]
Clock = time_machine.Traveller


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Stands still. A code is good for one use, so the next one takes 30 s."""
    with time_machine.travel(time.time(), tick=False) as traveller:
        yield traveller


def code_of(user: User) -> str:
    """What their phone shows now."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time()
    return f"{totp.token():06}"


def set_up(user: User) -> list[str]:
    """Their recovery codes."""
    offer_second_factor(user=user)
    codes = confirm_second_factor(user=user, code=code_of(user))
    user.refresh_from_db()
    return codes


def refusal(user: User, code: str) -> str:
    with pytest.raises(Invalid) as refused:
        log_in(identifier=user.username, password=PASSWORD, address="203.0.113.7", code=code)
    return refused.value.code


def sign_in(user: User, code: str) -> User:
    return log_in(identifier=user.username, password=PASSWORD, address="203.0.113.7", code=code)


def test_a_log_in_takes_a_code_that_nobody_has_used(alice: User, clock: Clock) -> None:
    set_up(alice)
    assert refusal(alice, "") == "second_factor_required"
    assert refusal(alice, code_of(alice)) == "invalid_code", "it was used to set it up"
    clock.shift(60)
    code = code_of(alice)
    assert refusal(alice, "000000" if code != "000000" else "111111") == "invalid_code"
    clock.shift(3)  # after a wrong one, the next has to wait
    assert sign_in(alice, f"{code[:3]} {code[3:]}") == alice
    assert refusal(alice, code) == "invalid_code"


def test_a_recovery_code_is_good_for_once(alice: User, clock: Clock) -> None:
    first, second, *_ = set_up(alice)
    assert sign_in(alice, first.upper()) == alice
    assert refusal(alice, first) == "invalid_code"
    clock.shift(3)
    assert sign_in(alice, second) == alice


def test_the_wrong_password_tells_nothing_of_the_second_factor(alice: User) -> None:
    set_up(alice)
    with pytest.raises(Invalid) as refused:
        log_in(identifier="alice", password="wrong", address="", code="")
    assert refused.value.code == "invalid_credentials"


def test_codes_are_not_guessed(alice: User, clock: Clock, settings: LazySettings) -> None:
    set_up(alice)
    settings.LOGIN_FAILURES_PER_HOUR = 3
    for _ in range(3):
        clock.shift(30)
        assert refusal(alice, "000000") == "invalid_code"
    with pytest.raises(TooMany):
        sign_in(alice, code_of(alice))
    assert LoginFailure.objects.filter(key="account:alice").count() == 3
    # A missing code is no guess.
    LoginFailure.objects.all().delete()
    assert refusal(alice, "") == "second_factor_required"
    assert not LoginFailure.objects.exists()


def test_over_rest_a_token_takes_a_code(alice: User, nobody: Caller, clock: Clock) -> None:
    old = Caller(alice)
    set_up(alice)
    assert old.get("/api/me/").status == 401, "what the password alone had signed in is over"
    fields = {"username": "alice", "password": PASSWORD}
    answer = nobody.post("/auth/token/login/", **fields)
    assert (answer.status, answer.code) == (400, "second_factor_required")
    assert nobody.post("/auth/token/create/", **fields, code="000000").code == "invalid_code"
    clock.shift(60)
    answer = nobody.post("/auth/token/login/", **fields, code=code_of(alice))
    assert answer.status == 200
    assert Caller(token=answer.body["auth_token"]).get("/api/me/").status == 200


def test_over_rest_from_set_up_to_removal(alice: User, bob: User, nobody: Caller, clock: Clock) -> None:
    app, other, path = Caller(alice), Caller(alice), "/api/second-factor/"
    assert app.get(path).body == {"since": None, "required": False}
    assert app.post(path, current_password="wrong").code == "invalid_password"
    assert nobody.post(path, current_password=PASSWORD).status == 401
    offered = app.post(path, current_password=PASSWORD)
    assert offered.status == 201
    assert offered.body["address"].startswith("otpauth://totp/")
    assert app.get(path).body["since"] is None, "it does nothing yet"
    assert Caller(bob).post(f"{path}confirm/", code=code_of(alice)).code == "invalid_code"
    assert app.post(f"{path}confirm/", code="000000").code == "invalid_code"
    clock.shift(5)
    codes = app.post(f"{path}confirm/", code=code_of(alice)).body["recovery_codes"]
    assert len(codes) == 10
    assert app.get(path).body["since"] is not None, "what has shown a code stays signed in"
    assert other.get(path).status == 401
    assert app.post(path, current_password=PASSWORD).code == "second_factor_exists"
    clock.shift(60)
    renewed = app.post(f"{path}recovery-codes/", code=code_of(alice)).body["recovery_codes"]
    assert not set(codes) & set(renewed)
    fields = {"username": "alice", "password": PASSWORD}
    assert nobody.post("/auth/token/login/", **fields, code=codes[0]).code == "invalid_code"
    clock.shift(5)
    assert nobody.post("/auth/token/login/", **fields, code=renewed[0]).status == 200
    assert app.delete(path, code="000000").code == "invalid_code"
    clock.shift(60)
    assert app.delete(path, code=code_of(alice)).status == 204
    assert nobody.post("/auth/token/login/", **fields).status == 200


def test_an_operator_s_app_is_told_that_one_is_required(
    olive: User, bob: User, settings: LazySettings
) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    for user, required in ((olive, True), (bob, False)):
        assert Caller(user).get("/api/second-factor/").body == {"since": None, "required": required}


@pytest.fixture
def nobody() -> Caller:
    return Caller()


def test_on_the_pages_from_set_up_to_removal(alice: User, clock: Clock) -> None:
    visitor, elsewhere = Visitor(alice), Visitor(alice)
    page = visitor.submit(visitor.open("/account/second-factor/").form("Set it up"), current_password="wrong")
    assert page.status == 400
    page = visitor.submit(page.form("Set it up"), current_password=PASSWORD)
    assert page.root.all("img")[0].attributes["src"].startswith("data:image/svg+xml")
    page = visitor.submit(page.form("Turn it on"), code="000000")
    assert page.errors == ["The code is wrong, or was used before."]
    clock.shift(5)
    page = visitor.submit(page.form("Turn it on"), code=code_of(alice))
    codes = [each.said for each in page.root.all("code")]
    assert len(codes) == 10

    assert visitor.open("/account/").url == "/account/", "who set it up stays"
    assert elsewhere.open("/account/").url.startswith("/login/"), "whoever else was signed in does not"
    form = elsewhere.open("/login/").form("Log in")
    page = elsewhere.submit(form, identifier="alice", password=PASSWORD)
    assert page.errors == ["Enter a code from your app too, or one of your recovery codes."]
    assert elsewhere.submit(form, identifier="alice", password=PASSWORD, code=codes[0]).url == "/"

    form = visitor.open("/account/second-factor/").form("New recovery codes")
    clock.shift(60)
    page = visitor.submit(form, code=code_of(alice))
    assert len(set(codes) & {each.said for each in page.root.all("code")}) == 0
    clock.shift(60)
    form.action = form.action.replace("renew", "remove")  # as the other button has it
    assert visitor.submit(form, code=code_of(alice)).notices == ["The password alone signs you in again."]
    alice.refresh_from_db()
    assert sign_in(alice, "") == alice


def test_a_sign_up_with_ones_own_name_and_password_is_a_log_in(alice: User) -> None:
    set_up(alice)
    visitor = Visitor()
    page = visitor.submit(visitor.open("/signup/").form("Sign up"), username="alice", password=PASSWORD)
    assert page.errors == ["A person with that name already exists."]
    assert "_auth_user_id" not in visitor.client.session


def test_a_password_reset_signs_nobody_in(alice: User) -> None:
    set_up(alice)
    uid, token = urlsafe_base64_encode(str(alice.pk).encode()), default_token_generator.make_token(alice)
    client = Client()
    form = client.get(f"/password/reset/confirm/{uid}/{token}/", follow=True)
    new = "another-horse-entirely"
    client.post(form.request["PATH_INFO"], {"new_password1": new, "new_password2": new})
    alice.refresh_from_db()
    assert alice.check_password(new)
    assert "_auth_user_id" not in client.session
    with pytest.raises(Invalid) as refused:
        log_in(identifier="alice", password=new, address="")
    assert refused.value.code == "second_factor_required"


def test_where_it_is_required_an_operator_without_one_has_no_rights(
    olive: User, bob: User, settings: LazySettings
) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    with pytest.raises(Forbidden):
        suspend_user(operator=olive, user=bob)
    as_olive = Caller(olive)
    assert as_olive.get("/api/me/").body["operator"] is False
    assert as_olive.post("/api/users/bob/suspend/").code == "not_an_operator"
    set_up(olive)
    assert Caller(User.objects.get(pk=olive.pk)).post("/api/users/bob/suspend/").status == 204


def test_nor_may_they_enter_the_admin(db: None, settings: LazySettings) -> None:
    root = User.objects.create_superuser("root", "", PASSWORD)
    settings.SECOND_FACTOR_REQUIRED = True
    visitor = Visitor(root)
    page = visitor.open("/admin/")
    assert page.url == "/account/second-factor/"
    assert page.errors == ["Operators need a second factor here: your rights wait for it."]
    assert visitor.client.get("/admin/messaging/user/").status_code == 302
    page = visitor.submit(page.form("Set it up"), current_password=PASSWORD)
    visitor.submit(page.form("Turn it on"), code=code_of(root))
    assert visitor.client.get("/admin/messaging/user/").status_code == 200
    assert visitor.client.get("/admin/otp_totp/totpdevice/").status_code == 404, "it would show secrets"


def test_a_superuser_lets_in_whoever_has_lost_everything(alice: User) -> None:
    set_up(alice)
    client = Client()
    client.force_login(User.objects.create_superuser("root", "", PASSWORD))
    sent = {"action": "forget_second_factor", "_selected_action": [str(alice.pk)]}
    client.post("/admin/messaging/user/", sent)
    assert sign_in(alice, "") == alice


def test_a_deleted_account_keeps_no_secret(alice: User) -> None:
    set_up(alice)
    delete_account(user=alice)
    assert not TOTPDevice.objects.exists()
    assert User.objects.get(pk=alice.pk).second_factor_at is None


@pytest.mark.needs_redis  # the server is to hear at once of what is done here
@pytest.mark.django_db(transaction=True)
async def test_the_socket_lets_go_of_what_the_password_alone_had_opened(
    start_server: Start, olive: User
) -> None:
    server = await start_server(SECOND_FACTOR_REQUIRED="true")
    threads = DatabaseThreads("tests", 1)

    def two_ways_in() -> tuple[str, str]:
        client = Client()
        client.force_login(olive)
        return create_token(user=olive)[1], client.cookies["sessionid"].value

    token, session = await threads.run(two_ways_in)
    cookie = f"Cookie: sessionid={session}\r\nOrigin: {server.url}\r\nHost: 127.0.0.1:{server.port}\r\n"

    def ask(socket: RawSocket, **command: Any) -> Any:
        return socket.ask(json.dumps({"id": 1, **command}))

    with (
        RawSocket(server.port, "/connection/websocket") as by_token,
        RawSocket(
            server.port, "/connection/websocket", headers=cookie.replace("Host: ", "X-Host: ")
        ) as by_session,
    ):
        assert ask(by_token, connect={"token": token})["connect"]["data"]["username"] == "olive"
        assert "connect" in ask(by_session, connect={})
        me = ask(by_token, rpc={"method": "me", "data": {}})["rpc"]["data"]
        assert me["operator"] is False
        await threads.run(offer_second_factor, user=olive)
        code = await threads.run(code_of, olive)
        with pytest.raises(Invalid):
            await threads.run(with_code, action=confirm_second_factor, user=olive, code="000000", address="")
        await threads.run(TOTPDevice.objects.update, throttling_failure_count=0)
        await threads.run(confirm_second_factor, user=olive, code=code)
        assert by_token.read_close() == (3500, "invalid token")
    with RawSocket(server.port, "/connection/websocket") as again:
        assert ask(again, connect={"token": token})["error"]["code"] == 101
    assert not await threads.run(Token.objects.filter(user=olive).exists)
    threads.close()
