"""Everything that is kept about one person, for that person."""

from typing import Any

from messaging.models import Acceptance, Member, Message, User
from messaging.queries.devices import devices_of


def data_of(user: User) -> dict[str, Any]:
    """Their account, devices, places in chats and messages: JSON. Nothing that others have said."""
    messages = Message.objects.filter(author=user).select_related("chat").order_by("created_at", "pk")
    places = Member.objects.filter(user=user).select_related("chat").order_by("pk")
    return {
        "account": {
            "username": user.username,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "joined_at": user.date_joined.isoformat(),
            "last_login_at": user.last_login.isoformat() if user.last_login else None,
            "second_factor_since": user.second_factor_at.isoformat() if user.second_factor_at else None,
            "suspended_at": user.suspended_at.isoformat() if user.suspended_at else None,
        },
        "accepted": [
            {"what": each.kind, "version": each.version, "at": each.accepted_at.isoformat()}
            for each in Acceptance.objects.filter(user=user).order_by("pk")
        ],
        "devices": [
            {
                "name": device.name,
                "signed_in_at": device.created_at.isoformat(),
                "seen_at": device.seen_at.isoformat() if device.seen_at else None,
                "expires_at": device.expires_at.isoformat() if device.expires_at else None,
            }
            for device in devices_of(user)
        ],
        "chats": [
            {
                "uri": place.chat.uri,
                "kind": place.chat.kind,
                "name": place.chat.name,
                "role": place.role,
                "read_number": place.read_number,
                "is_member": place.from_seq is not None,
            }
            for place in places
        ],
        "messages": [
            {
                "chat": message.chat.uri,
                "number": message.number,
                "text": message.text,
                "written_at": message.created_at.isoformat(),
                "edited_at": message.edited_at.isoformat() if message.edited_at else None,
                "deleted_at": message.deleted_at.isoformat() if message.deleted_at else None,
            }
            for message in messages.iterator()
        ],
    }
