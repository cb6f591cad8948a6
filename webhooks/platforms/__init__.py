"""The platforms that we speak to. One line each."""

from webhooks.platforms.base import Platform

_ALL: tuple[Platform, ...] = ()

PLATFORMS: dict[str, Platform] = {platform.name: platform for platform in _ALL}
"""By the name that rows, paths and settings know them by."""
