"""`/auth/…`: djoser's paths, permissions and mails; every write is an action of the core.

Of djoser's endpoints those that make no sense here (activation, lists, other people's accounts) have no route.
"""

from typing import Any

from django.contrib.auth import logout, update_session_auth_hash
from djoser.views import TokenCreateView, TokenDestroyView, UserViewSet
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import DeviceTokenAuthentication
from api.rendering import AnswerRenderer
from api.resource import Resource, body_as, signed_in, token_of
from api.schema import body_of, operation
from api.throttles import address_of
from messaging.actions.accounts import (
    change_password,
    change_profile,
    create_token,
    delete_account,
    log_in,
    mail_password_reset,
    require_password,
    reset_password,
    sign_up,
)
from messaging.actions.devices import revoke_device
from messaging.agents import called
from messaging.commands import (
    ChangeProfile,
    ConfirmPasswordReset,
    DeleteAccount,
    LogIn,
    ResetPassword,
    SetPassword,
    SetUsername,
    SignUp,
)
from messaging.events import Moment, Person, Shape
from messaging.queries.users import Me, me
from messaging.shapes import person

WRONG_PASSWORD = {429: "`too_many`, `too_many_logins`"}


class LoggedIn(Shape):
    """`auth_token` is shown this once: `Authorization: Token …`. `id` names it among one's devices."""

    auth_token: str
    id: str
    name: str
    expires_at: Moment | None
    user: Person


class LogInView(Resource, TokenCreateView):
    @operation(
        "Log in, by username or e-mail: a token for this device",
        description="400 `invalid_credentials` tells nothing of whether there is such an account; "
        "`second_factor_required` and `invalid_code` ask for the `code` of an account that has a second factor.",
        body=body_of(LogIn),
        answers={200: LoggedIn},
        refuses=WRONG_PASSWORD,
        anonymous=True,
        example={"username": "alexmhack", "password": "a-long-passphrase", "name": "laptop"},
    )
    def post(self, request: Request) -> Response:
        command = body_as(request, LogIn)
        user = log_in(
            identifier=command.username,
            password=command.password,
            code=command.code,
            address=address_of(request),
        )
        token, secret = create_token(
            user=user, name=command.name or called(request.headers.get("User-Agent", ""))
        )
        return Response(
            LoggedIn(
                auth_token=secret,
                id=token.id,
                name=token.name,
                expires_at=token.expiry,
                user=person(user, own=True),
            )
        )


class LogOutView(Resource, TokenDestroyView):
    authentication_classes = [DeviceTokenAuthentication]

    @operation("Log out: this device's token is revoked", answers={204: None})
    def post(self, request: Request) -> Response:
        if token := token_of(request):
            revoke_device(user=signed_in(request), device_id=token.id)
        return Response(status=204)


class Accounts(Resource, UserViewSet):
    renderer_classes = [AnswerRenderer]

    def get_permissions(self) -> Any:
        """A method that is not there is refused as such, before anybody is asked who they are."""
        return super().get_permissions() if self.action else []

    @operation(
        "Sign up",
        description="400 `username_taken`, or `invalid` with the fields that are wrong.",
        body=body_of(SignUp),
        answers={201: Person},
        refuses={403: "`sign_up_closed`, `invitation_needed`"},
        anonymous=True,
        example={"username": "alexmhack", "password": "a-long-passphrase"},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        command = body_as(request, SignUp)
        user = sign_up(**command.model_dump(), address=address_of(request))
        return Response(person(user, own=True), status=201)

    @operation("Oneself", methods=["GET"], answers={200: Me})
    @operation(
        "Change one's e-mail address or names",
        methods=["PATCH"],
        body=body_of(ChangeProfile),
        answers={200: Me},
        refuses={**WRONG_PASSWORD, 409: "`try_again`"},
        example={"first_name": "Alex"},
    )
    @operation(
        "Delete one's account, for good",
        methods=["DELETE"],
        body=body_of(DeleteAccount),
        answers={204: None},
        refuses=WRONG_PASSWORD,
    )
    def me(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if request.method == "PATCH":
            return self._change_profile(request)
        if request.method == "DELETE":
            return self._delete_account(request)
        return Response(me(signed_in(request)))

    def _change_profile(self, request: Request) -> Response:
        user = signed_in(request)
        command = body_as(request, ChangeProfile)
        if command.email is not None and command.email != user.email:
            self._require_password(request, command.current_password or "")
        wanted = command.model_dump(exclude_none=True, exclude={"current_password"})
        return Response(me(change_profile(user=user, **wanted)))

    def _delete_account(self, request: Request) -> Response:
        command = body_as(request, DeleteAccount)
        self._require_password(request, command.current_password)
        delete_account(user=signed_in(request))
        if token_of(request) is None:
            logout(request)
        return Response(status=204)

    @operation(
        "Change one's password; all other devices are signed out",
        body=body_of(SetPassword),
        answers={204: None},
        refuses=WRONG_PASSWORD,
    )
    def set_password(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = signed_in(request)
        command = body_as(request, SetPassword)
        self._require_password(request, command.current_password)
        change_password(user=user, password=command.new_password, keep=token_of(request))
        if token_of(request) is None:
            update_session_auth_hash(request, user)
        return Response(status=204)

    @operation(
        "Change one's username",
        body=body_of(SetUsername),
        answers={204: None},
        refuses={**WRONG_PASSWORD, 409: "`try_again`"},
    )
    def set_username(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        command = body_as(request, SetUsername)
        self._require_password(request, command.current_password)
        change_profile(user=signed_in(request), username=command.new_username)
        return Response(status=204)

    @operation(
        "Have a link mailed by which one chooses a new password",
        description="The answer is the same whether there is such an account or not.",
        body=body_of(ResetPassword),
        answers={204: None},
        anonymous=True,
    )
    def reset_password(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        command = body_as(request, ResetPassword)
        mail_password_reset(email=command.email, address=address_of(request))
        return Response(status=204)

    @operation(
        "Choose a new password, by the mailed link",
        description="400 `invalid_reset_link`. All devices are signed out.",
        body=body_of(ConfirmPasswordReset),
        answers={204: None},
        anonymous=True,
    )
    def reset_password_confirm(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        command = body_as(request, ConfirmPasswordReset)
        reset_password(uid=command.uid, token=command.token, password=command.new_password)
        return Response(status=204)

    def _require_password(self, request: Request, password: str) -> None:
        require_password(user=signed_in(request), password=password, address=address_of(request))
