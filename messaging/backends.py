"""Log-in by username or e-mail, without regard to case."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from messaging.models import User
from messaging.queries.users import holders_of


class UsernameOrEmailBackend(ModelBackend):
    """An unknown name costs as much time as a wrong password, and an address as much whoever has it, so that timing
    tells nothing.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        name = username or kwargs.get(User.USERNAME_FIELD)
        if not name or password is None:
            return None
        if "@" in name:
            candidates, most = holders_of(name), 2
        else:
            candidates, most = list(User.objects.filter(username__iexact=name)), 1
        meant = [user for user in candidates if user.check_password(password)]
        for _ in range(most - len(candidates)):
            User().set_password(password)
        return next(filter(self.user_can_authenticate, meant), None)
