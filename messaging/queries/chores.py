"""What the workers should be doing, and whether they do."""

from django.utils import timezone

from messaging.models import Chore


def overdue_s() -> dict[str, float]:
    """By chore, how long ago it was due; 0 if it is not. A chore that nobody has ever done is not there."""
    now = timezone.now()
    return {chore.name: max(0.0, (now - chore.due_at).total_seconds()) for chore in Chore.objects.all()}
