"""Incoming webhooks: made, given another secret, switched off and on; and what they bring."""

import base64
import hmac
import secrets
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from messaging import log
from messaging.access import require_operator
from messaging.actions.accounts import sign_up
from messaging.actions.audit import note_deed
from messaging.actions.chats import admit
from messaging.errors import Conflict, NotFound
from messaging.models import Chat, IncomingWebhook, Member, User

SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret of this kind begins
FORMER_FOR = timedelta(hours=24)


def create_incoming(*, operator: User | None, chat: str, username: str) -> tuple[IncomingWebhook, str]:
    """A way into a room or the feed for a program that speaks there as `username`, and its secret, to be shown once.
    Without an operator it is the console's doing. The bot gets its account, and its place in the room.
    """
    if operator is not None:
        require_operator(operator)
    bot = User.objects.filter(username__iexact=username).first()
    if bot is None:
        bot = sign_up(username=username, password=secrets.token_urlsafe(32), is_bot=True)
    elif not bot.is_bot or bot.bot_name or not bot.is_active:
        raise Conflict("Somebody has that name who is no such bot.", code="name_taken")
    with log.writing(chat) as chat_log:
        row = chat_log.chat
        if row.kind not in {Chat.Kind.ROOM, Chat.Kind.FEED}:
            raise Conflict("Programs post into rooms and the feed.", code="not_a_room")
        is_member = Member.objects.filter(chat=row, user=bot, from_seq__isnull=False).exists()
        if row.kind == Chat.Kind.ROOM and not is_member:
            admit(chat_log, bot, by=operator or bot, role=Member.Role.MEMBER)
        webhook = IncomingWebhook.objects.create(
            uid=secrets.token_hex(12), bot=bot, chat=row, created_by=operator
        )
        _note(operator, webhook, "Made.")
    return webhook, secret_of(webhook)


def rotate_incoming(*, operator: User | None, uid: str) -> tuple[IncomingWebhook, str]:
    """Another secret, to be shown once. The one before is taken for a day more, so that nothing is lost meanwhile."""
    webhook = _changeable(operator, uid)
    with transaction.atomic():
        changed = IncomingWebhook.objects.filter(pk=webhook.pk, version=webhook.version).update(
            version=webhook.version + 1, former_until=timezone.now() + FORMER_FOR
        )
        if not changed:
            raise Conflict("Somebody else has just given it another secret.", code="rotated_meanwhile")
        _note(operator, webhook, "Given another secret.")
    webhook.refresh_from_db()
    return webhook, secret_of(webhook)


def disable_incoming(*, operator: User | None, uid: str) -> IncomingWebhook:
    """From now on it does not exist for callers. Its secrets are void: enabled again, it has another."""
    webhook = _changeable(operator, uid)
    webhook.disabled_at = webhook.disabled_at or timezone.now()
    webhook.former_until = None
    with transaction.atomic():
        webhook.save(update_fields=["disabled_at", "former_until"])
        _note(operator, webhook, "Switched off.")
    return webhook


def enable_incoming(*, operator: User | None, uid: str) -> tuple[IncomingWebhook, str]:
    """It exists again, with another secret, to be shown once."""
    webhook = _changeable(operator, uid)
    webhook.disabled_at, webhook.former_until = None, None
    webhook.version += 1
    with transaction.atomic():
        webhook.save(update_fields=["disabled_at", "former_until", "version"])
        _note(operator, webhook, "Switched on.")
    return webhook, secret_of(webhook)


def _note(operator: User | None, webhook: IncomingWebhook, what: str) -> None:
    if operator is not None:
        note_deed(operator=operator, to=webhook, called=f"webhook {webhook.uid}", what=what)


def _changeable(operator: User | None, uid: str) -> IncomingWebhook:
    if operator is not None:
        require_operator(operator)
    webhook = IncomingWebhook.objects.select_related("bot", "chat").filter(uid=uid).first()
    if webhook is None:
        raise NotFound("There is no such webhook.", code="no_such_webhook")
    return webhook


def secret_of(webhook: IncomingWebhook) -> str:
    """As its caller has it."""
    key = _key(settings.SECRET_KEY, webhook.uid, webhook.version)
    return SECRET_PREFIX + base64.b64encode(key).decode()


def keys_of(webhook: IncomingWebhook) -> list[bytes]:
    """Those that are taken now; while our own key rotates, what follows from the former ones too."""
    versions = [webhook.version]
    if webhook.former_until is not None and webhook.former_until > timezone.now():
        versions.append(webhook.version - 1)
    ours = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [_key(each, webhook.uid, version) for each in ours for version in versions]


def _key(ours: str, uid: str, version: int) -> bytes:
    return hmac.new(ours.encode(), f"incoming webhook\0{uid}\0{version}".encode(), sha256).digest()
