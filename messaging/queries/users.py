"""People: found by name, searched, and as they see themselves."""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import F, QuerySet

from messaging import shapes
from messaging.access import require_operator
from messaging.errors import NotFound
from messaging.events import Person, Shape
from messaging.models import Chat, User

MAX_FOUND = 50


class Me(Person):
    """Oneself: `active_thread` is the uri of the thread that one is in, to be led to."""

    email_confirmed: bool = False
    operator: bool = False
    active_thread: str | None = None


class PeoplePage(Shape):
    """People in the order of their names; `next` is the `after` of the page after it."""

    users: list[Person]
    next: str | None


def people() -> QuerySet[User]:
    """Everybody whom one could talk to."""
    return User.objects.filter(is_active=True, deleted_at__isnull=True).order_by("username")


def person_named(username: str) -> User:
    """Raises `NotFound`, also for people who have gone."""
    user = people().filter(username__iexact=username).first()
    if user is None:
        raise nobody_named()
    return user


def nobody_named() -> NotFound:
    return NotFound("There is nobody of that name.", code="no_such_person")


def account_named(operator: User, username: str) -> User:
    """An account that operators deal with, suspended ones too. Raises `Forbidden` and `NotFound`."""
    require_operator(operator)
    user = User.objects.filter(username__iexact=username, deleted_at__isnull=True).first()
    if user is None:
        raise nobody_named()
    return user


def holders_of(address: str) -> list[User]:
    """The at most two accounts that an e-mail address can stand for: the one that has confirmed it, or else was the
    first to name it; and the last to name it.
    """
    rows = User.objects.filter(email__iexact=address).exclude(email="")
    first = rows.order_by(F("email_confirmed_at").asc(nulls_last=True), "pk").first()
    last = rows.order_by("-pk").first()
    return list({user.pk: user for user in (first, last) if user is not None}.values())


def people_matching(prefix: str, *, after: str = "", limit: int = 20) -> PeoplePage:
    """People whose username begins with `prefix`, beginning after the name `after`."""
    found = people().filter(username__istartswith=prefix)
    if after:
        found = found.filter(username__gt=after)
    limit = min(max(limit, 1), MAX_FOUND)
    rows = list(found[: limit + 1])
    return PeoplePage(
        users=[shapes.person(user) for user in rows[:limit]],
        next=rows[limit - 1].username if len(rows) > limit else None,
    )


def me(user: User) -> Me:
    own = shapes.person(user, own=True).model_dump()
    return Me(
        **own,
        email_confirmed=user.email_confirmed_at is not None,
        operator=user.is_operator,
        active_thread=active_thread_uri(user),
    )


def active_thread_uri(user: User) -> str | None:
    """The thread that signing in leads to, while threads are exclusive."""
    if not settings.EXCLUSIVE_THREADS:
        return None
    return exclusive_threads_of([user]).values_list("uri", flat=True).first()


def exclusive_threads_of(users: Iterable[User]) -> QuerySet[Chat]:
    """The active threads that take up their members' one place: all but those with bots."""
    return (
        Chat.objects.filter(kind=Chat.Kind.THREAD, state=Chat.State.ACTIVE, members__user__in=list(users))
        .exclude(members__user__is_bot=True)
        .order_by("pk")
        .distinct()
    )
