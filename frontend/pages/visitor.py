"""Who is looking at a page: a signed-in person, or anybody."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

if TYPE_CHECKING:
    from django.contrib.auth.models import _User

P = ParamSpec("P")


class PersonRequest(HttpRequest):
    """A request of somebody who has signed in."""

    user: "_User"


def visitor(request: HttpRequest) -> "_User | None":
    """The signed-in person, or None for anybody else."""
    return request.user if request.user.is_authenticated else None


def address_of(request: HttpRequest) -> str:
    """Where the request comes from; the server has already weighed what proxies say about it. Never empty, even by a UNIX
    socket whose proxy says nothing.
    """
    return str(request.META.get("REMOTE_ADDR") or "unknown")


def signed_in(
    view: Callable[Concatenate[PersonRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """The view, for people who have signed in; everybody else is sent to do so and comes back afterwards."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if visitor(request) is None:
            back = request.get_full_path() if request.method in ("GET", "HEAD") else page_before(request)
            return redirect_to_login(back)
        return view(cast(PersonRequest, request), *args, **kwargs)

    return guarded


def page_before(request: HttpRequest) -> str:
    """The page that a form was sent from, if it is one of ours."""
    return own_address(request, request.META.get("HTTP_REFERER", ""))


def own_address(request: HttpRequest, address: str) -> str:
    """`address`, if it leads back to this site; else the way to the front page."""
    safe = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if safe else "/"
