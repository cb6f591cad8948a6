"""Platforms to try things with: their servers as they behave towards us, in this process, on this machine only.

`manage.py simulate` puts a terminal in front of them, and the tests run against them. They keep what they were sent, refuse
what the real ones refuse, and fail when they are told to.
"""

from webhooks.fakes.messenger import FakeMessenger
from webhooks.fakes.server import Fault
from webhooks.fakes.telegram import FakeTelegram

__all__ = ["FakeMessenger", "FakeTelegram", "Fault"]
