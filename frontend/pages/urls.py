"""The addresses of the pages."""

from django.urls import path, re_path, register_converter

from frontend.pages.policy import PAGES
from frontend.pages.views import (
    accounts,
    addresses,
    app,
    chats,
    devices,
    feed,
    links,
    live_check,
    messages,
    passwords,
    people,
    rooms,
    second_factor,
    terms,
    threads,
)


class Uri:
    """A chat's uri: nothing else is worth asking the database for."""

    regex = "[A-Za-z0-9_.-]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Number:
    """A message's number, as large as numbers get in a browser."""

    regex = "[0-9]{1,15}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(Uri, "uri")
register_converter(Number, "number")

app_name = PAGES
urlpatterns = [
    path("app/sw.js", app.worker, name="app-worker"),
    re_path(r"^app(?:/.*)?$", app.app, name="app"),
    path("", feed.feed, name="feed"),
    path("messages/<uri:uri>/<number:number>/", messages.message, name="message"),
    path("messages/<uri:uri>/<number:number>/edit/", messages.edit, name="message-edit"),
    path("messages/<uri:uri>/<number:number>/delete/", messages.delete, name="message-delete"),
    path("messages/<uri:uri>/<number:number>/press/", messages.press, name="message-press"),
    path("chats/", chats.chats, name="chats"),
    path("chats/<uri:uri>/read/", chats.read, name="chat-read"),
    path("threads/", threads.open_with, name="thread-open"),
    path("threads/<uri:uri>/", threads.thread, name="thread"),
    path("threads/<uri:uri>/close/", threads.close, name="thread-close"),
    path("rooms/new/", rooms.new, name="room-new"),
    path("rooms/<uri:uri>/", rooms.room, name="room"),
    path("rooms/<uri:uri>/join/", rooms.join, name="room-join"),
    path("rooms/<uri:uri>/leave/", rooms.leave, name="room-leave"),
    path("rooms/<uri:uri>/invite/", rooms.invite, name="room-invite"),
    path("rooms/<uri:uri>/remove/", rooms.remove, name="room-remove"),
    path("rooms/<uri:uri>/change/", rooms.change, name="room-change"),
    path("people/", people.people, name="people"),
    path("signup/", accounts.sign_up, name="sign-up"),
    path("login/", accounts.log_in, name="log-in"),
    path("logout/", accounts.log_out, name="log-out"),
    path("account/", accounts.account, name="account"),
    path("link/<uri:code>/", links.link, name="link"),
    path("account/contacts/code/", links.code, name="link-code"),
    path("account/contacts/<number:contact_id>/unlink/", links.unlink, name="unlink"),
    path("account/profile/", accounts.profile, name="profile"),
    path("account/devices/", devices.devices, name="devices"),
    path("account/devices/others/revoke/", devices.revoke_others, name="devices-revoke-others"),
    path("account/devices/<uri:device_id>/revoke/", devices.revoke, name="device-revoke"),
    path("account/delete/", accounts.delete, name="account-delete"),
    path("account/address/mail/", addresses.mail_again, name="address-mail"),
    path("email/confirm/<str:token>/", addresses.confirm, name="address-confirm"),
    path("terms/", terms.terms, name="terms"),
    path("terms/accept/", terms.accept, name="terms-accept"),
    path("privacy/", terms.privacy, name="privacy"),
    path("live-check/", live_check.live_check, name="live-check"),
    path("account/second-factor/", second_factor.second_factor, name="second-factor"),
    path("account/second-factor/offer/", second_factor.offer, name="second-factor-offer"),
    path("account/second-factor/confirm/", second_factor.confirm, name="second-factor-confirm"),
    path("account/second-factor/renew/", second_factor.renew, name="second-factor-renew"),
    path("account/second-factor/remove/", second_factor.remove, name="second-factor-remove"),
    path("password/change/", passwords.change, name="password-change"),
    path("password/reset/", passwords.ask_for_reset, name="password-reset"),
    path("password/reset/sent/", passwords.reset_sent, name="password-reset-sent"),
    path(
        "password/reset/confirm/<uidb64>/<token>/", passwords.Reset.as_view(), name="password-reset-confirm"
    ),
]
