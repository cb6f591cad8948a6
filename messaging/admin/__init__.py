"""Django's admin: everything can be looked at; what can be done there is done by actions of the core."""

from messaging.admin import (
    accounts,
    broadcasts,
    chats,
    contacts,
    deployment,
    incoming,
    invitations,
    schedules,
    terms,
)
