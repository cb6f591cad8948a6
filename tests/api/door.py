"""Callers of the REST door: each asks as one person, or as nobody."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.test import Client

from messaging.actions.accounts import create_token
from messaging.models import User

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The stable code of a refusal."""
        return str(self.body["code"])


class Caller:
    """Speaks JSON with a token; `form` speaks as `curl --data` does."""

    def __init__(self, user: User | None = None, *, token: str = "") -> None:
        self.token = create_token(user=user, name="test")[1] if user is not None else token
        self._headers = {"Authorization": f"Token {self.token}"} if self.token else {}

    def saying(self, headers: dict[str, str]) -> "Caller":
        """The same caller, with these headers too."""
        other = Caller(token=self.token)
        other._headers = self._headers | headers
        return other

    def get(self, path: str, /, **query: object) -> Answer:
        return self.send("GET", path, query=query)

    def post(self, path: str, body: object = None, /, **fields: object) -> Answer:
        return self.send("POST", path, body=fields if body is None else body)

    def patch(self, path: str, /, **fields: object) -> Answer:
        return self.send("PATCH", path, body=fields)

    def delete(self, path: str, /, **fields: object) -> Answer:
        return self.send("DELETE", path, body=fields)

    def form(self, method: str, path: str, data: str) -> Answer:
        return self.send(method, path, raw=data.encode(), content_type=FORM)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        raw: bytes | None = None,
        content_type: str = JSON,
        query: dict[str, object] | None = None,
    ) -> Answer:
        if raw is None:
            raw = orjson.dumps(body) if body is not None else b""
        response = Client().generic(
            method, path, raw, content_type=content_type, headers=self._headers, query_params=query or None
        )
        is_json = response.headers.get("Content-Type", "").startswith(JSON)
        return Answer(
            status=response.status_code,
            body=orjson.loads(response.content) if is_json and response.content else None,
            headers=dict(response.headers),
        )
