"""Incoming webhooks: any program posts into a room or the feed as a named bot. docs/webhooks.md says how to call them.

Calls are signed as Standard Webhooks (https://www.standardwebhooks.com) has it, so its libraries can make them. The id of a
call is its idempotency key; its time, which is signed too, ends its life as a replay.
"""

import re
import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from messaging import strict_json
from messaging.actions.incoming import keys_of
from messaging.actions.messages import post_message
from messaging.database import DatabaseThreads
from messaging.errors import Conflict, Forbidden, Invalid, NotFound, ParleyError, TooMany, Unauthorized
from messaging.queries.incoming import incoming_named
from webhooks.http import Answer, Call, Refusal
from webhooks.signatures import TOLERANCE_S, is_call_signed

CALL_ID = re.compile(r"[\x21-\x7e]{1,64}")
TIMESTAMP = re.compile(r"[0-9]{1,12}")
STATUS: dict[type[ParleyError], int] = {
    Invalid: 400,
    Unauthorized: 403,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
}


class _Post(BaseModel):
    """What a call says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, StringConstraints(min_length=1)]


async def post_call(threads: DatabaseThreads, uid: str, call: Call) -> Answer:
    """Posts what it says. Raises `Refusal`."""
    call_id = call.only(b"webhook-id").decode("latin-1")
    timestamp = call.only(b"webhook-timestamp").decode("latin-1")
    signatures = call.only(b"webhook-signature").decode("latin-1")
    if not (CALL_ID.fullmatch(call_id) and TIMESTAMP.fullmatch(timestamp) and signatures):
        raise Refusal(403, "The headers webhook-id, webhook-timestamp and webhook-signature are wanted.")
    if abs(time.time() - int(timestamp)) > TOLERANCE_S:
        raise Refusal(
            403, f"The call was signed more than {TOLERANCE_S} s ago, or will be.", code="stale_signature"
        )
    try:
        return await threads.run(_post, uid, call, call_id, int(timestamp), signatures)
    except ParleyError as error:
        status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 503)
        wait_s = error.retry_after_s
        headers = ((b"retry-after", b"%d" % (int(wait_s) + 1)),) if wait_s is not None else ()
        raise Refusal(status, error.sentence, code=error.code, headers=headers) from None


def _post(uid: str, call: Call, call_id: str, timestamp: int, signatures: str) -> Answer:
    webhook = incoming_named(uid)
    if not is_call_signed(
        call.body, call_id=call_id, timestamp=timestamp, signatures=signatures, secrets=keys_of(webhook)
    ):
        raise Refusal(403, "The signature is wrong.")
    try:
        said = _Post.model_validate(strict_json.loads(call.body))
    except ValidationError:
        raise Refusal(400, 'The body is {"text": "…"}, and nothing else.') from None
    chat = webhook.chat.uri
    message = post_message(user=webhook.bot, chat=chat, text=said.text, client_id=call_id)
    return Answer({"chat": chat, "id": message.id, "number": message.number, "seq": message.seq})
