"""A Graph API server: sending and the page's profile, and people who write to one page."""

import hmac
import json
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx

from webhooks.fakes.server import Asked, FakeServer, Fault, Knock, Reply, as_json

DAY_S = 24 * 3600
PAGE_ID = "100000000000001"
PROFILE_FIELDS = ("get_started", "greeting", "persistent_menu", "ice_breakers", "whitelisted_domains")


@dataclass
class Shown:
    """A message as it stands in somebody's chat. Its buttons: `title`, and `payload` or `url`."""

    mid: str
    text: str
    is_page: bool
    kind: str = "text"
    buttons: list[dict[str, Any]] = field(default_factory=list)
    quick_replies: list[dict[str, Any]] = field(default_factory=list)
    tag: str = ""
    file: bytes = b""


class Refused(Exception):
    """The Graph API's `error`."""

    def __init__(self, code: int, message: str, *, subcode: int = 0, status: int = 400) -> None:
        super().__init__(message)
        error: dict[str, Any] = {
            "message": message,
            "type": "OAuthException",
            "code": code,
            "fbtrace_id": "FAKE",
        }
        if subcode:
            error["error_subcode"] = subcode
        self.reply = as_json({"error": error}, status)


class FakeMessenger(FakeServer):
    """One page's Messenger. People come into being when they first do something; ids are page-scoped."""

    def __init__(
        self,
        *,
        page_id: str = PAGE_ID,
        app_secret: str = "fake-app-secret",  # noqa: S107 - there is nothing behind it
        access_token: str = "fake-access-token",  # noqa: S107
        port: int = 0,
    ) -> None:
        self.page_id = page_id
        self.app_secret = app_secret
        self.access_token = access_token
        self.people: dict[str, dict[str, str]] = {}
        self.chats: defaultdict[str, list[Shown]] = defaultdict(list)
        self.heard_at: dict[str, float] = {}
        """When each last said something: the window is open for a day from then."""
        self.blocked_by: set[str] = set()
        self.typing: list[str] = []
        self.profile: dict[str, Any] = {}
        self.sends_echoes = False
        self.sends_receipts = False
        super().__init__(port)

    # What people do; each returns the event that it makes.

    def person(self, psid: str, **facts: str) -> dict[str, str]:
        with self.lock:
            known = self.people.setdefault(psid, {"first_name": f"Person{psid}", "last_name": ""})
            known.update(facts)
            return known

    def says(self, psid: str, text: str, **fields: Any) -> dict[str, Any]:
        shown = Shown(self._mid(), text, is_page=False)
        return self._sends(psid, shown, {"mid": shown.mid, "text": text, **fields})

    def sends_attachment(self, psid: str, kind: str, **payload: Any) -> dict[str, Any]:
        """`kind`: image, file, location …; with their own payloads."""
        shown = Shown(self._mid(), "", is_page=False, kind=kind)
        message = {"mid": shown.mid, "attachments": [{"type": kind, "payload": payload}]}
        return self._sends(psid, shown, message)

    def presses(self, psid: str, title: str) -> dict[str, Any]:
        """The latest button or suggested answer of this title, or one of the persistent menu or the ice breakers."""
        with self.lock:
            for shown in reversed(self.chats[psid]):
                for reply in shown.quick_replies:
                    if reply["title"] == title:
                        return self.says(psid, title, quick_reply={"payload": reply["payload"]})
                for button in shown.buttons:
                    if button["title"] == title and "payload" in button:
                        return self.posts_back(psid, button["payload"], title)
            menus = [
                each for menu in self.profile.get("persistent_menu", []) for each in menu["call_to_actions"]
            ]
            breakers = [
                {"title": each["question"], "payload": each["payload"]}
                for each in self.profile.get("ice_breakers", [])
            ]
        for button in (*menus, *breakers):
            if button["title"] == title and "payload" in button:
                return self.posts_back(psid, button["payload"], title)
        raise LookupError(f"Nothing there has a button {title!r}.")

    def gets_started(self, psid: str, ref: str = "") -> dict[str, Any]:
        payload = self.profile.get("get_started", {}).get("payload", "/start")
        return self.posts_back(psid, payload, "Get started", ref=ref)

    def posts_back(self, psid: str, payload: str, title: str = "", ref: str = "") -> dict[str, Any]:
        referral = {"ref": ref, "source": "SHORTLINK", "type": "OPEN_THREAD"}
        postback = {
            "mid": self._mid(),
            "title": title,
            "payload": payload,
            **({"referral": referral} if ref else {}),
        }
        return self._event(psid, postback=postback)

    def comes_by(self, psid: str, ref: str) -> dict[str, Any]:
        return self._event(psid, referral={"ref": ref, "source": "SHORTLINK", "type": "OPEN_THREAD"})

    def opts_in(self, psid: str, ref: str) -> dict[str, Any]:
        return self._event(psid, optin={"ref": ref})

    def reacts(self, psid: str, emoji: str) -> dict[str, Any]:
        with self.lock:
            shown = next(each for each in reversed(self.chats[psid]) if each.is_page)
        reaction = {
            "mid": shown.mid,
            "action": "react" if emoji else "unreact",
            "emoji": emoji,
            "reaction": "other",
        }
        return self._event(psid, reaction=reaction)

    def rewrites(self, psid: str, text: str) -> dict[str, Any]:
        with self.lock:
            shown = next(each for each in reversed(self.chats[psid]) if not each.is_page)
            shown.text = text
        return self._event(psid, message_edit={"mid": shown.mid, "text": text, "num_edit": 1})

    def blocks(self, psid: str) -> None:
        """The page hears nothing of it, until it writes."""
        self.blocked_by.add(psid)

    def unblocks(self, psid: str) -> None:
        self.blocked_by.discard(psid)

    def reads(self, psid: str) -> dict[str, Any]:
        """Everything that has been sent so far."""
        return self._event(psid, read={"watermark": _now_ms()})

    def on_standby(self, psid: str, text: str) -> dict[str, Any]:
        """They talk while another app has the thread."""
        event = self._make_event(psid, message={"mid": self._mid(), "text": text})
        self.knock(self.knock_of({"standby": [event]}))
        return event

    # What they see

    def said_to(self, psid: str) -> list[str]:
        with self.lock:
            return [shown.text for shown in self.chats[psid] if shown.is_page]

    def last(self, psid: str) -> Shown:
        with self.lock:
            return next(shown for shown in reversed(self.chats[psid]) if shown.is_page)

    # The events

    def _sends(self, psid: str, shown: Shown, message: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.chats[psid].append(shown)
        return self._event(psid, message=message)

    def _make_event(self, psid: str, **content: Any) -> dict[str, Any]:
        with self.lock:
            self.person(psid)
            if content.keys() & {"message", "postback", "optin", "referral", "reaction"}:
                self.heard_at[psid] = time.time()
        return {"sender": {"id": psid}, "recipient": {"id": self.page_id}, "timestamp": _now_ms(), **content}

    def _event(self, psid: str, **content: Any) -> dict[str, Any]:
        event = self._make_event(psid, **content)
        self.knock(self.knock_of({"messaging": [event]}))
        return event

    def knock_of(self, *entries: Mapping[str, Any]) -> Knock:
        """The signed call with which entries come to a webhook."""
        envelope = [{"id": self.page_id, "time": _now_ms(), **entry} for entry in entries]
        # As PHP writes JSON, which is what is signed.
        body = (
            json.dumps({"object": "page", "entry": envelope}, separators=(",", ":"))
            .replace("/", "\\/")
            .encode()
        )
        return Knock(body, {"Content-Type": "application/json", "X-Hub-Signature-256": self.signature(body)})

    def signature(self, body: bytes) -> str:
        return "sha256=" + hmac.new(self.app_secret.encode(), body, sha256).hexdigest()

    def subscribe(self, url: str, verify_token: str) -> bool:
        """What the app's set-up page does: asks the webhook, and calls it from then on if it answers well."""
        challenge = str(next(self.numbers) * 1_000_003)
        query = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
        answer = httpx.get(url, params=query, trust_env=False)
        if answer.status_code == httpx.codes.OK and answer.text == challenge:
            with self._knocking:
                self.webhook_url = url
                self._knocking.notify_all()
            return True
        return False

    def _mid(self) -> str:
        return f"m_fake{next(self.numbers)}"

    # The Graph API

    def method_of(self, asked: Asked) -> str:
        return "sender_action" if "sender_action" in asked.params else asked.path.rpartition("/")[2]

    def refusal(self, fault: Fault) -> Reply:
        match fault.kind:
            case "429":
                return Refused(613, "Calls to this api have exceeded the rate limit.").reply
            case "403":
                return Refused(551, "This person isn't available right now.", subcode=1545041).reply
            case "401":
                return Refused(190, "Error validating access token.", status=401).reply
        return Refused(2, "Service temporarily unavailable", status=500).reply

    def respond(self, asked: Asked) -> Reply:
        try:
            self._check_token(asked)
            path = re.fullmatch(r"/v\d+\.\d+/([\w.]+)(?:/(\w+))?", asked.path)
            match (asked.method, *(path.groups() if path else ())):
                case ["POST", self.page_id | "me", "messages"]:
                    return as_json(self._send(asked))
                case [_, "me", "messenger_profile"]:
                    return as_json(self._profile(asked))
                case ["GET", "me" | self.page_id, None]:
                    return as_json({"id": self.page_id, "name": "A page"})
                case ["GET", "me" | self.page_id, "subscribed_apps"]:
                    return as_json({"data": [{"id": "1", "name": "An app"}] if self.webhook_url else []})
                case ["GET", str() as psid, None] if psid in self.people:
                    return as_json({**self.people[psid], "id": psid})
        except Refused as refused:
            return refused.reply
        missing = f"Unsupported {asked.method.lower()} request."
        return Refused(100, missing, subcode=33).reply

    def _check_token(self, asked: Asked) -> None:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ") or asked.params.get(
            "access_token"
        )
        if token != self.access_token:
            raise Refused(190, "Invalid OAuth access token.", status=401)
        proof = hmac.new(self.app_secret.encode(), self.access_token.encode(), sha256).hexdigest()
        if asked.params.get("appsecret_proof", proof) != proof:
            raise Refused(100, "Invalid appsecret_proof provided in the API argument")

    def _send(self, asked: Asked) -> dict[str, Any]:
        params = {name: _value(value) for name, value in asked.params.items()}
        recipient = params.get("recipient")
        psid = recipient.get("id") if isinstance(recipient, dict) else None
        if psid not in self.people:
            raise Refused(100, "(#100) No matching user found", subcode=2018001)
        if psid in self.blocked_by:
            raise Refused(551, "(#551) This person isn't available right now.", subcode=1545041)
        if "sender_action" in params:
            if params["sender_action"] not in ("typing_on", "typing_off", "mark_seen") or "message" in params:
                raise Refused(100, "(#100) Invalid sender_action")
            self.typing.append(psid)
            return {"recipient_id": psid}
        self._check_window(psid, params)
        message = params.get("message")
        shown = self._shown(message if isinstance(message, dict) else {}, asked.files)
        shown.tag = str(params.get("tag", ""))
        self.chats[psid].append(shown)
        self._tell_of(psid, shown)
        return {"recipient_id": psid, "message_id": shown.mid}

    def _check_window(self, psid: str, params: dict[str, Any]) -> None:
        kind, tag = params.get("messaging_type"), params.get("tag")
        silent_s = time.time() - self.heard_at.get(psid, 0)
        if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            raise Refused(100, "(#100) Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}")
        if kind == "MESSAGE_TAG" and tag != "HUMAN_AGENT":
            raise Refused(100, "(#100) Invalid tag")
        if silent_s > (7 * DAY_S if kind == "MESSAGE_TAG" else DAY_S):
            sentence = "(#10) This message is sent outside of allowed window."
            raise Refused(10, sentence, subcode=2018278)

    def _shown(self, message: dict[str, Any], files: dict[str, tuple[str, bytes]]) -> Shown:
        shown = Shown(self._mid(), str(message.get("text", "")), is_page=True)
        replies = message.get("quick_replies", [])
        _require(len(replies) <= 13, "quick_replies must have at most 13 items")
        for reply in replies:
            _require(len(reply["title"]) <= 20 and len(reply["payload"]) <= 1000, "quick reply is too long")
        shown.quick_replies = replies
        attachment = message.get("attachment")
        if attachment is None:
            _require(
                bool(shown.text.strip()), "message cannot be empty, must provide valid attachment or text"
            )
            _require(
                len(shown.text.encode("utf-16-le")) // 2 <= 2000,
                "Length of param message[text] must be <= 2000",
            )
            return shown
        shown.kind, payload = attachment["type"], attachment.get("payload", {})
        if shown.kind == "template":
            _show_template(shown, payload)
        elif "filedata" in files:
            shown.text, shown.file = files["filedata"]
        else:
            where = payload.get("url") or payload.get("attachment_id")
            _require(bool(where), "attachment needs a url or an attachment_id")
            shown.text = str(where)
        return shown

    def _tell_of(self, psid: str, shown: Shown) -> None:
        if self.sends_echoes:
            message = {"mid": shown.mid, "text": shown.text, "is_echo": True, "app_id": 1}
            event = {
                "sender": {"id": self.page_id},
                "recipient": {"id": psid},
                "timestamp": _now_ms(),
                "message": message,
            }
            self.knock(self.knock_of({"messaging": [event]}))
        if self.sends_receipts:
            self._event(psid, delivery={"mids": [shown.mid], "watermark": _now_ms()})

    def _profile(self, asked: Asked) -> dict[str, Any]:
        params = {name: _value(value) for name, value in asked.params.items()}
        if asked.method == "GET":
            wanted = str(params.get("fields", "")).split(",")
            found = {name: self.profile[name] for name in wanted if name in self.profile}
            return {"data": [found] if found else []}
        if asked.method == "DELETE":
            for name in params.get("fields", []):
                _require(
                    name != "get_started" or "persistent_menu" not in self.profile, "remove the menu first"
                )
                self.profile.pop(name, None)
            return {"result": "success"}
        given = {name: params[name] for name in PROFILE_FIELDS if name in params}
        _check_profile({**self.profile, **given}, given)
        self.profile |= given
        return {"result": "success"}


def _now_ms() -> int:
    return int(time.time() * 1000)


def _value(value: Any) -> Any:
    """A form's field may be JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise Refused(100, f"(#100) {sentence}")


def _check_buttons(buttons: list[dict[str, Any]]) -> None:
    _require(1 <= len(buttons) <= 3, "buttons: 1 to 3")
    for button in buttons:
        _require(1 <= len(button["title"]) <= 20, "button title: 1 to 20 characters")
        target = "url" if button["type"] == "web_url" else "payload"
        _require(1 <= len(button.get(target, "")) <= 1000, f"button needs a {target}")


def _show_template(shown: Shown, payload: dict[str, Any]) -> None:
    if payload.get("template_type") == "button":
        _require(1 <= len(payload["text"]) <= 640, "button template text: 1 to 640 characters")
        _check_buttons(payload["buttons"])
        shown.text, shown.buttons = payload["text"], payload["buttons"]
        return
    elements = payload.get("elements", [])
    _require(1 <= len(elements) <= 10, "elements: 1 to 10")
    for element in elements:
        _require(
            1 <= len(element["title"]) <= 80 and len(element.get("subtitle", "")) <= 80,
            "title: 80 characters",
        )
        _require(len(element) > 1, "an element needs more than its title")
        if "buttons" in element:
            _check_buttons(element["buttons"])
            shown.buttons += element["buttons"]
    shown.kind = "cards"
    shown.text = "\n".join(f"{each['title']} {each.get('subtitle', '')}".strip() for each in elements)


def _check_profile(after: dict[str, Any], given: dict[str, Any]) -> None:
    _require(bool(given), "The parameter is required")
    _require("persistent_menu" not in after or "get_started" in after, "You must set a Get Started button")
    for greeting in given.get("greeting", []):
        _require(len(greeting["text"]) <= 160, "greeting: 160 characters")
    for menu in given.get("persistent_menu", []):
        _require(len(menu["call_to_actions"]) <= 20, "persistent menu: 20 items")
    _require(len(given.get("ice_breakers", [])) <= 4, "ice breakers: 4")
    domains = given.get("whitelisted_domains", [])
    is_fine = len(domains) <= 50 and all(domain.startswith("https://") for domain in domains)
    _require(is_fine, "whitelisted_domains: 50, https")
