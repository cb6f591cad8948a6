"""Telegram: people who write to one bot, through a Bot API server of its own."""

import time
from typing import Any

from webhooks.fakes.bot_api import BotApi, Shown


class FakeTelegram(BotApi):
    """One bot's Telegram. People come into being when they first do something; ids are theirs and their chats'."""

    # What people do; each returns the update that it makes.

    def says(self, person: int, text: str, **fields: Any) -> dict[str, Any]:
        if text.startswith("/"):
            command = {"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}
            fields.setdefault("entities", [command])
        return self._sends(person, Shown(self._next_id(), text, is_bot=False), text=text, **fields)

    def sends_photo(self, person: int, content: bytes = b"photo", caption: str = "") -> dict[str, Any]:
        sizes = [
            {"file_id": self._keep(content), "file_unique_id": f"u{side}", "width": side, "height": side}
            for side in (90, 800)
        ]
        shown = Shown(self._next_id(), caption, is_bot=False, kind="photo", file=str(sizes[-1]["file_id"]))
        return self._sends(person, shown, photo=sizes, **({"caption": caption} if caption else {}))

    def sends_document(
        self, person: int, name: str = "paper.txt", content: bytes = b"words"
    ) -> dict[str, Any]:
        file_id = self._keep(content)
        document = {"file_id": file_id, "file_unique_id": "u", "file_name": name, "file_size": len(content)}
        shown = Shown(self._next_id(), "", is_bot=False, kind="document", file=file_id)
        return self._sends(person, shown, document=document)

    def sends_location(self, person: int, latitude: float, longitude: float) -> dict[str, Any]:
        shown = Shown(self._next_id(), f"{latitude}, {longitude}", is_bot=False, kind="location")
        return self._sends(person, shown, location={"latitude": latitude, "longitude": longitude})

    def rewrites(self, person: int, text: str) -> dict[str, Any]:
        """The last thing they said becomes another."""
        with self.lock:
            shown = next(each for each in reversed(self.chats[person]) if not each.is_bot)
            shown.text = text
            message = self._message(person, shown, text=text, edit_date=int(time.time()))
        return self._update("edited_message", message)

    def presses(self, person: int, title: str, message_id: int = 0) -> dict[str, Any]:
        """A button below the latest message that has one of this title, or of `message_id`."""
        with self.lock:
            for shown in reversed(self.chats[person]):
                for button in (each for row in shown.rows for each in row):
                    if button["text"] == title and message_id in (0, shown.message_id):
                        query = {
                            "id": str(next(self.numbers) + 4 * 10**17),
                            "from": self.person(person),
                            "chat_instance": str(person),
                            "message": self._as_sent(person, shown),
                            "data": button["callback_data"],
                        }
                        return self._update("callback_query", query)
        raise LookupError(f"Nothing in the chat has a button {title!r}.")

    def reacts(self, person: int, emoji: str) -> dict[str, Any]:
        """To the latest message of the bot; without an emoji they take it back."""
        with self.lock:
            shown = next(each for each in reversed(self.chats[person]) if each.is_bot)
            reaction = {
                "chat": self._chat(person),
                "message_id": shown.message_id,
                "user": self.person(person),
                "date": int(time.time()),
                "old_reaction": [],
                "new_reaction": [{"type": "emoji", "emoji": emoji}] if emoji else [],
            }
        return self._update("message_reaction", reaction)

    def blocks(self, person: int) -> dict[str, Any]:
        self.blocked_by.add(person)
        return self._membership(person, "member", "kicked")

    def unblocks(self, person: int) -> dict[str, Any]:
        self.blocked_by.discard(person)
        return self._membership(person, "kicked", "member")

    def _membership(self, person: int, before: str, after: str) -> dict[str, Any]:
        def member(status: str) -> dict[str, Any]:
            until = {"until_date": 0} if status == "kicked" else {}
            return {"user": self._bot(), "status": status, **until}

        with self.lock:
            changed = {
                "chat": self._chat(person),
                "from": self.person(person),
                "date": int(time.time()),
                "old_chat_member": member(before),
                "new_chat_member": member(after),
            }
        return self._update("my_chat_member", changed)

    # What they see

    def said_to(self, person: int) -> list[str]:
        """The bot's words in their chat, as they stand."""
        with self.lock:
            return [shown.text for shown in self.chats[person] if shown.is_bot]

    def last(self, person: int) -> Shown:
        with self.lock:
            return next(shown for shown in reversed(self.chats[person]) if shown.is_bot)

    # The updates

    def _sends(self, person: int, shown: Shown, **fields: Any) -> dict[str, Any]:
        with self.lock:
            self.chats[person].append(shown)
            message = self._message(person, shown, **fields)
        return self._update("message", message)

    def _message(self, person: int, shown: Shown, **fields: Any) -> dict[str, Any]:
        date = int(time.time())
        return {
            "message_id": shown.message_id,
            "from": self.person(person),
            "chat": self._chat(person),
            "date": date,
            **fields,
        }
