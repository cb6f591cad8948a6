"""What operators do to others is written down, whichever door they came in by. The admin shows it, beside what is done there."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from messaging.models import Contact, User


def note_deed(*, operator: User, to: Model, called: str, what: str) -> None:
    """In the transaction of the deed: neither is there without the other. `called` must tell nobody's words."""
    kind: Any = ContentType.objects.get_for_model(to)
    LogEntry.objects.create(
        user_id=operator.pk,
        content_type=kind,
        object_id=str(to.pk),
        object_repr=called[:200],
        action_flag=CHANGE,
        change_message=what,
    )


def note_export(contact: Contact) -> None:
    """An operator, by way of a bot, has been given what it knows of everybody."""
    assert contact.user is not None, "Only an operator's account makes a contact an operator."
    note_deed(operator=contact.user, to=contact, called=f"contacts of {contact.account}", what="Exported.")
