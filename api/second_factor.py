"""`/api/second-factor/`: one's own, for clients that have no pages: set up, proved, renewed, removed."""

from functools import partial

from django.contrib.auth import update_session_auth_hash
from rest_framework.request import Request
from rest_framework.response import Response

from api.resource import Resource, body_as, signed_in, token_of
from api.schema import body_of, operation
from api.throttles import address_of
from messaging.actions.accounts import require_password, with_code
from messaging.actions.second_factor import (
    WithCode,
    confirm_second_factor,
    offer_second_factor,
    remove_second_factor,
    renew_recovery_codes,
)
from messaging.commands import OfferSecondFactor, ProveSecondFactor
from messaging.events import Moment, Shape

PROOF = body_of(ProveSecondFactor)
REFUSES = {400: "`invalid_code`, `invalid_password`", 429: "`too_many`, `too_many_logins`"}


class SecondFactor(Shape):
    """`since`: since when every log-in takes a code. `required`: one's rights wait until there is one."""

    since: Moment | None
    required: bool


class Offered(Shape):
    """What a phone is given: `key` is typed, `address` is what a picture of it contains."""

    key: str
    address: str


class RecoveryCodes(Shape):
    """Each signs one in once. They are shown this once."""

    recovery_codes: list[str]


class OwnSecondFactor(Resource):
    @operation("Whether one has a second factor", answers={200: SecondFactor})
    def get(self, request: Request) -> Response:
        user = signed_in(request)
        return Response(SecondFactor(since=user.second_factor_at, required=user.waits_for_second_factor))

    @operation(
        "Get a new key, which does nothing until a code made from it is shown",
        body=body_of(OfferSecondFactor),
        answers={201: Offered},
        refuses=REFUSES | {409: "`second_factor_exists`"},
    )
    def post(self, request: Request) -> Response:
        command = body_as(request, OfferSecondFactor)
        user = signed_in(request)
        require_password(user=user, password=command.current_password, address=address_of(request))
        offer = offer_second_factor(user=user)
        return Response(Offered(key=offer.key, address=offer.address), status=201)

    @operation(
        "Remove it: the password alone signs in again; all other devices are signed out",
        body=PROOF,
        answers={204: None},
        refuses=REFUSES,
    )
    def delete(self, request: Request) -> Response:
        _with_code(request, partial(remove_second_factor, keep=token_of(request)))
        return Response(status=204)


class OwnSecondFactorProof(Resource):
    @operation(
        "Turn it on with the phone's first code: every log-in takes one from now on; all other devices are signed out",
        body=PROOF,
        answers={200: RecoveryCodes},
        refuses=REFUSES | {409: "`second_factor_exists`"},
    )
    def post(self, request: Request) -> Response:
        return _with_code(request, partial(confirm_second_factor, keep=token_of(request)))


class OwnRecoveryCodes(Resource):
    @operation(
        "Get new recovery codes in place of those there were",
        body=PROOF,
        answers={200: RecoveryCodes},
        refuses=REFUSES,
    )
    def post(self, request: Request) -> Response:
        return _with_code(request, renew_recovery_codes)


def _with_code(request: Request, action: WithCode) -> Response:
    user = signed_in(request)
    code = body_as(request, ProveSecondFactor).code
    codes = with_code(action=action, user=user, code=code, address=address_of(request))
    if token_of(request) is None:
        update_session_auth_hash(request, user)
    return Response(RecoveryCodes(recovery_codes=codes or []))
