"""What is done to the whole deployment."""

from messaging.models import Deployment
from messaging.models.deployment import new_epoch


def bump_epoch() -> str:
    """A new epoch: every client starts over from a fresh read. After a restore from a backup, numbers may repeat."""
    epoch = new_epoch()
    Deployment.objects.filter(pk=1).update(epoch=epoch)
    return epoch
