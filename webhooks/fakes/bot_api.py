"""A Bot API server: its methods, as far as bots here use them."""

import json
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from webhooks.fakes.server import Asked, FakeServer, Fault, Knock, Reply, as_json
from webhooks.fakes.telegram_rules import MAX_CAPTION, MAX_TEXT, Refused, rows_of, value_of, words_of

BOT_ID = 7_000_000_001
WEBHOOK_PORTS = frozenset({443, 80, 88, 8443})


@dataclass
class Shown:
    """A message as it stands in somebody's chat. `rows`: the buttons, as the Bot API has them."""

    message_id: int
    text: str
    is_bot: bool
    kind: str = "text"
    rows: list[list[dict[str, Any]]] = field(default_factory=list)
    file: str = ""
    edits: int = 0
    asks_location: bool = False

    @property
    def titles(self) -> list[list[str]]:
        return [[button["text"] for button in row] for row in self.rows]


class BotApi(FakeServer):
    """One bot's. Updates go to the webhook, or wait for whoever polls."""

    def __init__(
        self, *, token: str = f"{BOT_ID}:fake-token", username: str = "fake_bot", port: int = 0
    ) -> None:
        self.token = token
        self.username = username
        self.secret = ""
        self.allowed_updates: list[str] = []
        self.people: dict[int, dict[str, Any]] = {}
        self.chats: defaultdict[int, list[Shown]] = defaultdict(list)
        self.blocked_by: set[int] = set()
        self.commands: dict[str, list[dict[str, str]]] = {}
        self.answered: list[dict[str, Any]] = []
        """Callback queries that were answered."""
        self.files: dict[str, bytes] = {}
        self.updates: list[dict[str, Any]] = []
        """For whoever polls."""
        self._has_updates = threading.Condition()
        self._poller = 0
        super().__init__(port)
        self._has_updates = threading.Condition(self.lock)

    def person(self, number: int, **facts: Any) -> dict[str, Any]:
        """Who they are; made on first sight."""
        with self.lock:
            known = self.people.setdefault(
                number,
                {"id": number, "is_bot": False, "first_name": f"Person{number}", "language_code": "en"},
            )
            known.update(facts)
            return known

    def _update(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            update = {"update_id": 500_000_000 + next(self.numbers), kind: content}
            if self.allowed_updates and kind not in self.allowed_updates:
                return update
            if self.webhook_url:
                self.knock(self.knock_of(update))
            else:
                self.updates.append(update)
                self._has_updates.notify_all()
        return update

    def knock_of(self, update: dict[str, Any]) -> Knock:
        """The call with which an update comes to a webhook."""
        headers = {"Content-Type": "application/json", "User-Agent": "FakeTelegram"}
        if self.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self.secret
        return Knock(json.dumps(update).encode(), headers)

    def _as_sent(self, person: int, shown: Shown) -> dict[str, Any]:
        """A message of the bot as the Bot API returns it."""
        words = {"text": shown.text} if shown.kind == "text" else {"caption": shown.text}
        keyboard = {"reply_markup": {"inline_keyboard": shown.rows}} if shown.rows else {}
        file: dict[str, Any] = {}
        if shown.kind == "photo":
            photo = {"file_id": shown.file, "file_unique_id": "u", "width": 800, "height": 800}
            file = {"photo": [photo]}
        elif shown.kind == "document":
            file = {"document": {"file_id": shown.file, "file_unique_id": "u"}}
        return {
            "message_id": shown.message_id,
            "from": self._bot(),
            "chat": self._chat(person),
            "date": int(time.time()),
            **words,
            **file,
            **keyboard,
        }

    def _chat(self, person: int) -> dict[str, Any]:
        known = self.person(person)
        names: dict[str, Any] = {
            key: known[key] for key in ("first_name", "last_name", "username") if key in known
        }
        return {"id": person, "type": "private", **names}

    def _bot(self) -> dict[str, Any]:
        number = int(self.token.partition(":")[0])
        return {"id": number, "is_bot": True, "first_name": "Fake bot", "username": self.username}

    def _next_id(self) -> int:
        return next(self.numbers)

    def _keep(self, content: bytes) -> str:
        file_id = f"file-{next(self.numbers)}"
        self.files[file_id] = content
        return file_id

    # The Bot API

    def method_of(self, asked: Asked) -> str:
        return asked.path.rpartition("/")[2]

    def refusal(self, fault: Fault) -> Reply:
        described = {
            "429": "Too Many Requests: retry after {}",
            "403": "Forbidden: bot was blocked by the user",
            "500": "Internal Server Error",
            "401": "Unauthorized",
            "400": "Bad Request: chat not found",
        }[fault.kind]
        parameters = {"retry_after": fault.retry_after_s} if fault.kind == "429" else {}
        return Refused(int(fault.kind), described.format(fault.retry_after_s), **parameters).reply

    def respond(self, asked: Asked) -> Reply:
        file = re.fullmatch(r"/file/bot([^/]+)/(.+)", asked.path)
        if file is not None and file[1] == self.token and file[2] in self.files:
            return Reply(200, self.files[file[2]], "application/octet-stream")
        found = re.fullmatch(r"/bot([^/]+)/(\w+)", asked.path)
        if found is None:
            return Refused(404, "Not Found").reply
        if found[1] != self.token:
            return Refused(401, "Unauthorized").reply
        serve = getattr(self, f"_on_{found[2].lower()}", None)
        if serve is None:
            return Refused(404, "Not Found: method not found").reply
        params = {name: value_of(value) for name, value in asked.params.items()}
        try:
            return as_json({"ok": True, "result": serve(params, asked.files)})
        except Refused as refused:
            return refused.reply

    def _on_getme(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        flags = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries")
        return {
            **self._bot(),
            **dict.fromkeys((*flags, "can_connect_to_business", "has_main_web_app"), False),
        }

    def _on_getupdates(self, params: dict[str, Any], files: Any) -> list[dict[str, Any]]:
        if self.webhook_url:
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            )
        if "allowed_updates" in params:
            self.allowed_updates = list(params["allowed_updates"] or [])
        offset, limit = int(params.get("offset") or 0), int(params.get("limit") or 100)
        if offset > 0:
            self.updates = [update for update in self.updates if update["update_id"] >= offset]
        elif offset < 0:
            self.updates = self.updates[offset:]
        self._poller = poller = self._poller + 1
        self._has_updates.notify_all()
        deadline = time.monotonic() + min(float(params.get("timeout") or 0), 50)
        while not self.updates and (left_s := deadline - time.monotonic()) > 0:
            self._has_updates.wait(left_s)
            if self._poller != poller:
                raise Refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                )
        return self.updates[:limit]

    def _on_setwebhook(self, params: dict[str, Any], files: Any) -> bool:
        url, secret = str(params.get("url", "")), str(params.get("secret_token", ""))
        parts = urlsplit(url)
        is_local = parts.hostname in ("127.0.0.1", "localhost")  # as a Bot API server of one's own allows
        if url and not is_local and parts.scheme != "https":
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if url and not is_local and (parts.port or 443) not in WEBHOOK_PORTS:
            raise Refused(
                400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"
            )
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        self.webhook_url, self.secret = url, secret
        self.allowed_updates = list(params.get("allowed_updates") or [])
        self._drop_or_bring(params)
        return True

    def _on_deletewebhook(self, params: dict[str, Any], files: Any) -> bool:
        self.webhook_url, self.secret = "", ""
        self._drop_or_bring(params)
        return True

    def _drop_or_bring(self, params: dict[str, Any]) -> None:
        """What waits is dropped if they say so, else comes by the way that is now."""
        if params.get("drop_pending_updates") in (True, "true", "True"):
            self.updates.clear()
            self.take_knocks()
        waiting = [json.loads(knock.body) for knock in self.take_knocks()] + self.updates
        self.updates = []
        if self.webhook_url:
            for update in waiting:
                self.knock(self.knock_of(update))
        else:
            self.updates = waiting
            self._has_updates.notify_all()

    def _on_getwebhookinfo(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        with_updates = {"allowed_updates": self.allowed_updates} if self.allowed_updates else {}
        return {
            "url": self.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.updates) + len(self._knocks),
            "max_connections": 40,
            **with_updates,
            **self._last_error(),
        }

    def _last_error(self) -> dict[str, Any]:
        """Of the webhook, if it did not take what it was called with last."""
        if not self.answers or 200 <= self.answers[-1] < 300:
            return {}
        said = f"Wrong response from the webhook: {self.answers[-1]}"
        return {"last_error_date": int(time.time()), "last_error_message": said}

    def _on_getchat(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        return {**self._chat(self._known(params)), "accent_color_id": 0, "max_reaction_count": 11}

    def _on_getfile(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        file_id = str(params.get("file_id"))
        if file_id not in self.files:
            raise Refused(400, "Bad Request: invalid file_id")
        size = len(self.files[file_id])
        return {"file_id": file_id, "file_unique_id": "u", "file_size": size, "file_path": file_id}

    def _on_setmycommands(self, params: dict[str, Any], files: Any) -> bool:
        commands = params.get("commands") or []
        if len(commands) > 100:
            raise Refused(400, "Bad Request: too many commands")
        for each in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", each["command"]):
                raise Refused(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(each["description"]) <= 256:
                raise Refused(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands[str(params.get("language_code") or "")] = commands
        return True

    def _on_getmycommands(self, params: dict[str, Any], files: Any) -> list[dict[str, str]]:
        return self.commands.get(str(params.get("language_code") or ""), [])

    def _on_deletemycommands(self, params: dict[str, Any], files: Any) -> bool:
        self.commands.pop(str(params.get("language_code") or ""), None)
        return True

    def _on_sendchataction(self, params: dict[str, Any], files: Any) -> bool:
        self._reached(params)
        return True

    def _on_sendmessage(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        person = self._reached(params)
        return self._shows(
            person, Shown(self._next_id(), words_of(params, "text", MAX_TEXT), is_bot=True), params
        )

    def _on_sendphoto(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        return self._file("photo", params, files)

    def _on_senddocument(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        return self._file("document", params, files)

    def _file(self, kind: str, params: dict[str, Any], files: dict[str, tuple[str, bytes]]) -> dict[str, Any]:
        person = self._reached(params)
        given = str(params.get(kind, ""))
        part = given.removeprefix("attach://") if given.startswith("attach://") else kind
        if part in files:
            file_id = self._keep(files[part][1])
        elif given in self.files:
            file_id = given
        elif re.match(r"https?://", given):
            file_id = self._keep(given.encode())
        else:
            raise Refused(400, "Bad Request: wrong file identifier/HTTP URL specified")
        text = words_of(params, "caption", MAX_CAPTION) if params.get("caption") else ""
        shown = Shown(self._next_id(), text, is_bot=True, kind=kind, file=file_id)
        return self._shows(person, shown, params)

    def _on_editmessagetext(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        person = self._reached(params)
        shown = self._own(person, params, "Bad Request: message to edit not found")
        if shown.kind != "text":
            raise Refused(400, "Bad Request: there is no text in the message to edit")
        text, rows = words_of(params, "text", MAX_TEXT), rows_of(params)
        if (text, rows) == (shown.text, shown.rows):
            raise Refused(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message",
            )
        shown.text, shown.rows = text, rows
        shown.edits += 1
        return self._as_sent(person, shown)

    def _on_editmessagereplymarkup(self, params: dict[str, Any], files: Any) -> dict[str, Any]:
        person = self._reached(params)
        shown = self._own(person, params, "Bad Request: message to edit not found")
        rows = rows_of(params)
        if rows == shown.rows:
            raise Refused(400, "Bad Request: message is not modified")
        shown.rows = rows
        return self._as_sent(person, shown)

    def _on_answercallbackquery(self, params: dict[str, Any], files: Any) -> bool:
        self.answered.append(params)
        return True

    def _own(self, person: int, params: dict[str, Any], otherwise: str) -> Shown:
        for shown in self.chats[person]:
            if shown.is_bot and str(shown.message_id) == str(params.get("message_id")):
                return shown
        raise Refused(400, otherwise)

    def _known(self, params: dict[str, Any]) -> int:
        try:
            person = int(params.get("chat_id", ""))
        except ValueError:
            person = 0
        if person not in self.people:
            raise Refused(400, "Bad Request: chat not found")
        return person

    def _reached(self, params: dict[str, Any]) -> int:
        person = self._known(params)
        if person in self.blocked_by:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return person

    def _shows(self, person: int, shown: Shown, params: dict[str, Any]) -> dict[str, Any]:
        shown.rows = rows_of(params)
        markup = params.get("reply_markup")
        keyboard = markup.get("keyboard", []) if isinstance(markup, dict) else []
        shown.asks_location = any(key.get("request_location") for row in keyboard for key in row)
        self.chats[person].append(shown)
        return self._as_sent(person, shown)
