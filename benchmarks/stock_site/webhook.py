"""A webhook as one would first write it: check, parse, insert, answer."""

import contextlib
import hmac
import json
from hashlib import sha256

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from benchmarks.calls import SECRET
from benchmarks.stock_site.models import Inbound


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    wanted = "sha256=" + hmac.new(SECRET.encode(), request.body, sha256).hexdigest()
    if not hmac.compare_digest(wanted, request.headers.get("X-Hub-Signature-256", "")):
        return HttpResponse(status=403)
    for entry in json.loads(request.body)["entry"]:
        for event in entry["messaging"]:
            with contextlib.suppress(IntegrityError):
                row = Inbound(external_id=event["message"]["mid"], person=event["sender"]["id"], raw=event)
                row.save(force_insert=True)
    return HttpResponse("ok")
