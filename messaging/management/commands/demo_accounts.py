"""`manage.py demo_accounts`: accounts to look around with, on a deployment that has none yet."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from messaging.actions.accounts import sign_up
from messaging.actions.messages import post_message
from messaging.models import User


class Command(BaseCommand):
    help = "Makes the accounts alice and olive (operator), unless there are accounts already; prints how to sign in."

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            return
        for username, is_operator in (("alice", False), ("olive", True)):
            password = secrets.token_urlsafe(9)
            user = sign_up(username=username, password=password)
            if is_operator:
                User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
            what = "operator, also at /admin/" if is_operator else "a member"
            self.stdout.write(f"  Sign in as {username} with the password {password}  ({what})")
        post_message(
            user=user, chat="feed", text="Welcome to Parley. Say something: everybody here sees it at once."
        )
