"""What every action that bears on who somebody is ends with."""

from django.db import transaction
from django.db.models import F

from messaging.bell import bell
from messaging.models import User


def access_changed(user: User) -> None:
    """Every hub compares the credentials of the user's live connections once this is committed."""
    User.objects.filter(pk=user.pk).update(access_version=F("access_version") + 1)
    transaction.on_commit(lambda: bell.ring_recheck(user.pk))
