"""Log-in by username or e-mail, without regard to case."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from messaging.models import User


class UsernameOrEmailBackend(ModelBackend):
    """An unknown name costs as much time as a wrong password, so that timing tells nothing."""

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
        by_email = {"email__iexact": name} if "@" in name else {"username__iexact": name}
        user = User.objects.filter(**by_email).first()
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None
