"""The error tree: what can be refused, with a code that clients may rely on.

ParleyError
├─ Invalid             400 / 107  the request itself is wrong                        invalid, invalid_text …
├─ Unauthorized        401 / 101  no or unknown credentials                          unauthorized
│  └─ Expired          401 / 109  they were right once                               token_expired
├─ Forbidden           403 / 103  known, and not allowed                             forbidden, not_a_member …
├─ NotFound            404 / 103  unknown, or not for you to know                    not_found
├─ Conflict            409 / 409  the state of things forbids it                     thread_closed, person_busy …
├─ TooMany             429 / 111  come back after `retry_after_s`                    too_many
└─ Unavailable         503 / 100  a part is down; the same request may work later    unavailable

Each door maps the classes once: `api/errors.py` to HTTP, `consumers/protocol.py` to the socket.
"""

from typing import Any


class ParleyError(Exception):
    """Something was refused. `code` is stable; the text is one sentence for a person; `facts` go along."""

    code = "error"
    permanent = True
    retry_after_s: float | None = None

    def __init__(self, sentence: str, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or type(self).code
        self.facts = facts


class Invalid(ParleyError):
    """The request is malformed; `fields` in the facts names where."""

    code = "invalid"


class Unauthorized(ParleyError):
    code = "unauthorized"


class Expired(Unauthorized):
    code = "token_expired"


class Forbidden(ParleyError):
    code = "forbidden"


class NotFound(ParleyError):
    code = "not_found"


class Conflict(ParleyError):
    code = "conflict"


class TooMany(ParleyError):
    code = "too_many"
    permanent = False

    def __init__(self, sentence: str, *, retry_after_s: float, code: str | None = None) -> None:
        super().__init__(sentence, code=code)
        self.retry_after_s = retry_after_s


class Unavailable(ParleyError):
    code = "unavailable"
    permanent = False
