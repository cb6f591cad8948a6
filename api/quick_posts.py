"""Owns the shortest way of the one request that comes by the thousand: a program posts a message.

A post in the ordinary form (JSON, a device's token, nothing that asks for anything else) needs no thread of its own: it is
let in together with the others that come meanwhile, and its message is committed together with theirs. The words, the
rules and the answers are those of the view (`api/messages.py`), which also has every post that is in any way out of the
ordinary; tests/api/test_quick_posts.py compares the two.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from api.errors import explain
from api.messages import posted_answer
from api.parsers import json_of
from api.rendering import encode
from api.resource import client_id_of, command_from
from api.throttles import count_request
from messaging import limits
from messaging.actions.devices import note_token_seen
from messaging.actions.messages import Post
from messaging.commands import PostMessage
from messaging.crowd import posts
from messaging.database import DatabaseThreads
from messaging.errors import ParleyError
from messaging.queries.credentials import live_tokens
from messaging.together import PerLoop, Together

if TYPE_CHECKING:
    from messaging.models import Token

PATH = re.compile(r"/api/chats/([A-Za-z0-9_.-]{1,64})/messages/")

_TOKEN = re.compile(rb"[Tt]oken ([A-Za-z0-9]{1,256})")
_JSON = frozenset((b"application/json", b"application/json;charset=utf-8"))
_ANY = frozenset((b"*/*", b"application/json", b"application/json,*/*", b"application/json,text/plain,*/*"))
_LENGTH = re.compile(rb"[0-9]{1,9}")
# Those that mean nothing to the view: what programs say of themselves, and what proxies add.
_HARMLESS = frozenset(
    b"host user-agent accept-encoding accept-language cache-control connection dnt pragma priority x-request-id "
    b"via x-real-ip x-request-start connect-time total-route-time traceparent tracestate x-amzn-trace-id "
    b"cdn-loop cf-connecting-ip cf-ipcountry cf-ray cf-visitor".split()
)
_READ = frozenset((b"authorization", b"content-type", b"content-length", b"accept", b"idempotency-key"))


@dataclass(frozen=True, eq=False)
class QuickPost:
    """A post in the ordinary form, before its body is there."""

    chat: str
    address: str
    token: str
    key: str | None


Answer = tuple[int, dict[str, str], bytes]
"""Status, the headers that not every answer has, and JSON."""


def ordinary(scope: Any) -> QuickPost | None:
    """None: the view's."""
    found = PATH.fullmatch(scope["path"])
    if found is None or scope["method"] != "POST" or scope["query_string"] or scope.get("root_path"):
        return None
    read: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        # One that is there twice is two to some and one to others.
        if name in read or (name not in _READ and name not in _HARMLESS):
            return None
        read[name] = value
    token = _TOKEN.fullmatch(read.get(b"authorization", b""))
    length = read.get(b"content-length", b"")
    if (
        token is None
        or _plain(read.get(b"content-type", b"")) not in _JSON
        or _plain(read.get(b"accept", b"*/*")) not in _ANY
        or not _LENGTH.fullmatch(length)
        or int(length) > settings.MAX_BODY_BYTES
    ):
        return None
    key = read.get(b"idempotency-key")
    address = str((scope.get("client") or [""])[0])
    return QuickPost(found[1], address, token[1].decode(), None if key is None else key.decode("latin-1"))


def _plain(value: bytes) -> bytes:
    return value.replace(b" ", b"").lower()


class QuickPosts:
    """Answers posts in the ordinary form; `threads` are those that REST's views have."""

    def __init__(self, threads: DatabaseThreads) -> None:
        self._admissions: PerLoop[Together[QuickPost, Token]] = PerLoop(
            lambda: Together(_admit_all, _admit, is_repeatable=lambda _: True, threads=threads)
        )

    async def answer(self, post: QuickPost, body: bytes) -> Answer:
        """Raises what nobody has foreseen."""
        try:
            token = await self._admissions().do(post)
            command = command_from(json_of(body), PostMessage, {"chat": post.chat, **client_id_of(post.key)})
            message = await posts().do(Post(token.user, command.chat, command.text, command.client_id))
        except Exception as error:
            status, problem, headers = explain(error)
            if status is None:
                raise
            return status, headers, encode(problem)
        return 201, {}, encode(posted_answer(message, post.chat))


def _admit_all(posts: Collection[QuickPost]) -> "dict[QuickPost, Token | Exception]":
    """Who each is from, having counted it. Raises nothing but what befalls all."""
    # As in the middleware, first of all: what is refused costs next to nothing.
    refused: dict[QuickPost, Token | Exception] = {
        post: refusal for post in posts if (refusal := _too_many_from(post.address)) is not None
    }
    others = [post for post in posts if post not in refused]
    tokens = live_tokens({post.token for post in others})
    return refused | {post: _counted(tokens[post.token]) for post in others}


def _too_many_from(address: str) -> Exception | None:
    if network := limits.countable(address):
        try:
            limits.spend("address", network, per_minute=settings.ADDRESS_REQUESTS_PER_MINUTE)
        except ParleyError as refusal:
            return refusal
    return None


def _counted(token: "Token | Exception") -> "Token | Exception":
    if isinstance(token, Exception):
        return token
    try:
        note_token_seen(token=token)
        count_request(token.id, f"user:{token.user.pk}")
    except ParleyError as refusal:
        return refusal
    return token


def _admit(post: QuickPost) -> "Token":
    outcome = _admit_all([post])[post]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
