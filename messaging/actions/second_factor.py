"""The second factor: a phone that makes one-time codes, and recovery codes on paper for when it is lost.

Whoever has set one up proves it at every log-in, wherever that is, so every token and page session made since then has
been through it; those from before end when it is set up. The secrets and the codes are django-otp's rows.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from messaging.actions.credentials import access_changed
from messaging.errors import Conflict, Invalid
from messaging.models import Token, User

RECOVERY_CODES = 10
ISSUER = "Parley"


WithCode = Callable[..., list[str] | None]
"""An action that takes `user` and `code`, and returns recovery codes if it has made some."""


@dataclass(frozen=True)
class Offer:
    """What a phone is given: the key as people type it, and the address that a picture of it contains."""

    key: str
    address: str


def offer_second_factor(*, user: User) -> Offer:
    """A new key, which does nothing until a code made from it is shown. Raises `Conflict` for who has a second factor."""
    with transaction.atomic(durable=True):
        _require_none(user)
        TOTPDevice.objects.filter(user=user).delete()
        device = TOTPDevice.objects.create(user=user, name=ISSUER, confirmed=False)
    return _offer_of(device)


def offered_second_factor(*, user: User) -> Offer | None:
    """The key that has been offered last and not been confirmed yet."""
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    return None if device is None else _offer_of(device)


def _offer_of(device: TOTPDevice) -> Offer:
    key = b32encode(device.bin_key).decode().rstrip("=")
    grouped = " ".join(key[at : at + 4] for at in range(0, len(key), 4))
    return Offer(grouped, device.config_url)


def confirm_second_factor(*, user: User, code: str, keep: Token | None = None) -> list[str]:
    """From now on every log-in takes a code. Everything that is signed in ends, but what has just shown one: the token
    `keep`, or the page session whose hash is renewed by the caller. Returns the recovery codes, which are shown this
    once. Raises `Invalid` (`invalid_code`).
    """
    with transaction.atomic(durable=True):
        _require_none(user)
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        accepted = device is not None and _verify(device, code)
        if accepted:
            assert device is not None
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            user.second_factor_at = timezone.now()
            user.save(update_fields=["second_factor_at"])
            Token.objects.filter(user=user).exclude(pk=keep.pk if keep else "").delete()
            codes = _renew_recovery_codes(user)
            access_changed(user)
    if not accepted:
        raise wrong_code()
    return codes


def _require_none(user: User) -> None:
    if User.objects.select_for_update().get(pk=user.pk).second_factor_at is not None:
        raise Conflict("There is a second factor already: remove it first.", code="second_factor_exists")


def prove_second_factor(*, user: User, code: str) -> None:
    """Spends a code of the phone, or one of the recovery codes. Raises `Invalid` (`invalid_code`)."""
    with transaction.atomic(durable=True):
        devices = [
            *TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True),
            *StaticDevice.objects.select_for_update().filter(user=user, confirmed=True),
        ]
        # Not a generator in `any`: what counts a failure on one device does so before the other is asked.
        accepted = any(_verify(device, code) for device in devices)
    if not accepted:
        raise wrong_code()


def _verify(device: TOTPDevice | StaticDevice, code: str) -> bool:
    code = code.replace(" ", "")
    is_recovery_code = isinstance(device, StaticDevice)
    if code.isdigit() == is_recovery_code or not code.isascii():
        return False
    return bool(device.verify_is_allowed()[0] and device.verify_token(code.lower()))


def renew_recovery_codes(*, user: User, code: str) -> list[str]:
    """New ones in place of those there were. Raises `Invalid` (`invalid_code`)."""
    prove_second_factor(user=user, code=code)
    with transaction.atomic(durable=True):
        return _renew_recovery_codes(user)


def _renew_recovery_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [f"{secrets.token_hex(2)}-{secrets.token_hex(3)}r" for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def remove_second_factor(*, user: User, code: str, keep: Token | None = None) -> None:
    """The password is enough again; but where one is required, it gives no rights. Raises `Invalid` (`invalid_code`)."""
    prove_second_factor(user=user, code=code)
    forget_second_factor(user=user, keep=keep)


def forget_second_factor(*, user: User, keep: Token | None = None) -> None:
    """For whoever has lost everything, done by an operator who knows that it is them."""
    with transaction.atomic(durable=True):
        delete_secrets(user)
        user.second_factor_at = None
        user.save(update_fields=["second_factor_at"])
        Token.objects.filter(user=user).exclude(pk=keep.pk if keep else "").delete()
        access_changed(user)


def delete_secrets(user: User) -> None:
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()


def wrong_code() -> Invalid:
    sentence = "The code is wrong, or was used before."
    return Invalid(sentence, code="invalid_code", fields={"code": [sentence]})
