"""The platforms that we speak to. One line each."""

from webhooks.platforms.base import Platform
from webhooks.platforms.messenger import MESSENGER
from webhooks.platforms.telegram import TELEGRAM

_ALL: tuple[Platform, ...] = (MESSENGER, TELEGRAM)

PLATFORMS: dict[str, Platform] = {platform.name: platform for platform in _ALL}
"""By the name that rows, paths and settings know them by."""
