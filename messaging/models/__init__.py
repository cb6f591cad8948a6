"""The tables, one file per noun."""

from messaging.models.chat import Chat, ThreadSlot
from messaging.models.deployment import Chore, Deployment
from messaging.models.event import Event
from messaging.models.member import Interval, Member
from messaging.models.message import Message
from messaging.models.user import LoginFailure, Ticket, Token, User

__all__ = [
    "Chat",
    "Chore",
    "Deployment",
    "Event",
    "Interval",
    "LoginFailure",
    "Member",
    "Message",
    "ThreadSlot",
    "Ticket",
    "Token",
    "User",
]
