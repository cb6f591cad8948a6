"""The tables, one file per noun."""

from messaging.models.bot import BotSetting, BotState
from messaging.models.broadcast import Broadcast, Recipient
from messaging.models.chat import Chat, ThreadSlot
from messaging.models.contact import WEB, Contact, LinkCode
from messaging.models.delivery import Delivery, Pace
from messaging.models.deployment import Chore, Deployment
from messaging.models.document import Document
from messaging.models.event import Event
from messaging.models.inbound import Inbound
from messaging.models.incoming import IncomingWebhook
from messaging.models.invitation import Invitation
from messaging.models.member import Interval, Member
from messaging.models.message import Message
from messaging.models.schedule import Schedule
from messaging.models.terms import Acceptance, TermsText
from messaging.models.user import LoginFailure, PageSession, Ticket, Token, User

__all__ = [
    "WEB",
    "Acceptance",
    "BotSetting",
    "BotState",
    "Broadcast",
    "Chat",
    "Chore",
    "Contact",
    "Delivery",
    "Deployment",
    "Document",
    "Event",
    "Inbound",
    "IncomingWebhook",
    "Interval",
    "Invitation",
    "LinkCode",
    "LoginFailure",
    "Member",
    "Message",
    "Pace",
    "PageSession",
    "Recipient",
    "Schedule",
    "TermsText",
    "ThreadSlot",
    "Ticket",
    "Token",
    "User",
]
