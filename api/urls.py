"""Which resource answers which path under /api/ and /auth/."""

from typing import Any

from django.urls import path, re_path, register_converter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from api.accounts import Accounts, LogInView, LogOutView
from api.chats import ChatDetail, Chats, ClosedChat
from api.contacts import OwnContact, OwnContacts, OwnLinkCodes
from api.desk import Desk, DeskBan, DeskChatDetail, DeskHandingBack, DeskTaking
from api.errors import answer_unknown_path
from api.events import Events
from api.members import MemberDetail, Members
from api.messages import MessageDetail, MessageDocument, MessagePress, Messages
from api.reads import Read
from api.second_factor import OwnRecoveryCodes, OwnSecondFactor, OwnSecondFactorProof
from api.terms import TermsResource
from api.threads import Threads
from api.tickets import SocketTickets
from api.users import OwnAccount, OwnDevice, OwnDevices, Reinstatement, Suspension, Users


class UriConverter:
    """A chat's uri; whatever else stands in its place is an unknown path."""

    regex = "[A-Za-z0-9_.-]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class NameConverter(UriConverter):
    regex = "[^/]{1,150}"


class DeviceConverter(UriConverter):
    regex = "[0-9a-f]{15,16}"


class NumberConverter:
    """A message's number; what no number can be is an unknown path, not a question to the database."""

    regex = "[0-9]{1,15}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(UriConverter, "chat_uri")
register_converter(NameConverter, "username")
register_converter(DeviceConverter, "device")
register_converter(NumberConverter, "message_number")

accounts: Any = Accounts  # `as_view` of djoser's viewsets takes methods, and has no types
sign_up = accounts.as_view({"post": "create"}, authentication_classes=[])
log_in = LogInView.as_view(authentication_classes=[])
log_out = LogOutView.as_view()

urlpatterns = [
    path("api/me/", OwnAccount.as_view()),
    path("api/me/contacts/", OwnContacts.as_view()),
    path("api/me/contacts/code/", OwnLinkCodes.as_view()),
    path("api/me/contacts/<message_number:contact_id>/", OwnContact.as_view()),
    path("api/devices/", OwnDevices.as_view()),
    path("api/devices/<device:device_id>/", OwnDevice.as_view()),
    path("api/second-factor/", OwnSecondFactor.as_view()),
    path("api/second-factor/confirm/", OwnSecondFactorProof.as_view()),
    path("api/second-factor/recovery-codes/", OwnRecoveryCodes.as_view()),
    path("api/terms/", TermsResource.as_view()),
    path("api/users/", Users.as_view()),
    path("api/users/<username:username>/suspend/", Suspension.as_view()),
    path("api/users/<username:username>/reinstate/", Reinstatement.as_view()),
    path("api/chats/", Chats.as_view()),
    path("api/chats/<chat_uri:uri>/", ChatDetail.as_view()),
    path("api/chats/<chat_uri:uri>/close/", ClosedChat.as_view()),
    path("api/chats/<chat_uri:uri>/members/", Members.as_view()),
    path("api/chats/<chat_uri:uri>/members/<username:username>/", MemberDetail.as_view()),
    path("api/chats/<chat_uri:uri>/messages/", Messages.as_view()),
    path("api/chats/<chat_uri:uri>/messages/<message_number:number>/", MessageDetail.as_view()),
    path("api/chats/<chat_uri:uri>/messages/<message_number:number>/press/", MessagePress.as_view()),
    path("api/chats/<chat_uri:uri>/messages/<message_number:number>/document/", MessageDocument.as_view()),
    path("api/chats/<chat_uri:uri>/events/", Events.as_view()),
    path("api/chats/<chat_uri:uri>/read/", Read.as_view()),
    path("api/threads/", Threads.as_view()),
    path("api/desk/chats/", Desk.as_view()),
    path("api/desk/chats/<chat_uri:uri>/", DeskChatDetail.as_view()),
    path("api/desk/chats/<chat_uri:uri>/take/", DeskTaking.as_view()),
    path("api/desk/chats/<chat_uri:uri>/hand-back/", DeskHandingBack.as_view()),
    path("api/desk/chats/<chat_uri:uri>/ban/", DeskBan.as_view()),
    path("api/socket-tickets/", SocketTickets.as_view()),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/schema/swagger/", SpectacularSwaggerView.as_view(url_name="schema")),
    path("auth/users/", sign_up),
    path("auth/users/create/", sign_up),
    path("auth/users/me/", accounts.as_view({"get": "me", "patch": "me", "delete": "me"})),
    path("auth/users/set_password/", accounts.as_view({"post": "set_password"})),
    path("auth/users/set_username/", accounts.as_view({"post": "set_username"})),
    path(
        "auth/users/reset_password/",
        accounts.as_view({"post": "reset_password"}, authentication_classes=[]),
    ),
    path(
        "auth/users/reset_password_confirm/",
        accounts.as_view({"post": "reset_password_confirm"}, authentication_classes=[]),
    ),
    path("auth/token/login/", log_in),
    path("auth/token/create/", log_in),
    path("auth/token/logout/", log_out),
    path("auth/token/destroy/", log_out),
    re_path(r"^(?:api|auth)(?:/(?s:.*))?\Z", answer_unknown_path),
]
