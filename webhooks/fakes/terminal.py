"""A terminal in front of a fake platform: one types as somebody who writes to the bot, and sees what the bot answers."""

import threading
from collections.abc import Callable
from typing import Any

from webhooks.fakes.messenger import FakeMessenger
from webhooks.fakes.telegram import FakeTelegram

LOOK_EVERY_S = 0.1
KINDS = ("429", "403", "500", "slow", "html")

HELP = """\
What you type is said to the bot. A line that begins with a colon does something else:
  :1 :2 …              press the button of that number     :start [payload]     come by a link
  :photo               send a picture                      :location 59.9 30.3  send a place
  :react 👍 / :react   react to the last answer, take back :edit words          rewrite your last words
  :block :unblock      as a person may                     :as 42               be somebody else
  :fail 429 [times]    also 403, 500, slow, html           :help :quit"""


class Terminal:
    """`do` takes a line and returns whether to go on; `news` are the lines that there are to be shown."""

    def __init__(self, fake: FakeTelegram | FakeMessenger, person: str = "1001") -> None:
        self.fake = fake
        self.person = person
        self.buttons: list[str] = []
        self._seen: dict[object, tuple[object, ...]] = {}

    def do(self, line: str) -> bool:
        line = line.strip()
        if line in {":quit", ":q"}:
            return False
        if line == ":help":
            raise ValueError(HELP)
        if line.startswith(":"):
            verb, _, rest = line[1:].partition(" ")
            self._do(verb, rest.strip())
        elif line:
            self._fake().says(self._who(), line)
        return True

    def _fake(self) -> Any:
        """They differ in whom they know by a number, and whom by words."""
        return self.fake

    def _who(self) -> Any:
        return int(self.person) if isinstance(self.fake, FakeTelegram) else self.person

    def _do(self, verb: str, rest: str) -> None:
        verbs: dict[str, Callable[[str], object]] = {
            "start": self._start,
            "photo": self._photo,
            "location": self._location,
            "react": lambda emoji: self._fake().reacts(self._who(), emoji),
            "edit": lambda words: self._fake().rewrites(self._who(), words),
            "block": lambda _: self._fake().blocks(self._who()),
            "unblock": lambda _: self._fake().unblocks(self._who()),
            "as": self._become,
            "fail": self._fail,
        }
        if verb.isdigit():
            if not 1 <= int(verb) <= len(self.buttons):
                raise ValueError(f"There is no button {verb}.")
            self._fake().presses(self._who(), self.buttons[int(verb) - 1])
        elif verb in verbs:
            verbs[verb](rest)
        else:
            raise ValueError(f"There is no :{verb}. :help shows what there is.")

    def _start(self, payload: str) -> None:
        if isinstance(self.fake, FakeTelegram):
            self.fake.says(int(self.person), f"/start {payload}".strip())
        else:
            self.fake.gets_started(self.person, payload)

    def _photo(self, _: str) -> None:
        if isinstance(self.fake, FakeTelegram):
            self.fake.sends_photo(int(self.person))
        else:
            self.fake.sends_attachment(self.person, "image", url="https://example.org/picture.png")

    def _location(self, place: str) -> None:
        latitude, longitude = map(float, place.split())
        if isinstance(self.fake, FakeTelegram):
            self.fake.sends_location(int(self.person), latitude, longitude)
        else:
            coordinates = {"lat": latitude, "long": longitude}
            self.fake.sends_attachment(self.person, "location", coordinates=coordinates)

    def _become(self, person: str) -> None:
        if not person.isdigit():
            raise ValueError("People are numbers.")
        self.person = person

    def _fail(self, what: str) -> None:
        kind, _, times = what.partition(" ")
        if kind not in KINDS:
            raise ValueError(f"What goes wrong is one of {', '.join(KINDS)}.")
        self.fake.fail(kind, times=int(times or 1))

    def news(self) -> list[str]:
        """What the bot has said since, or said anew in the place of something."""
        lines: list[str] = []
        with self.fake.lock:
            for shown in self._fake().chats[self._who()]:
                is_bot = shown.is_bot if isinstance(self.fake, FakeTelegram) else shown.is_page
                key = shown.message_id if isinstance(self.fake, FakeTelegram) else shown.mid
                titles = _titles(shown)
                state = (shown.text, *titles)
                if is_bot and self._seen.get((self.person, key)) != state:
                    is_new = (self.person, key) not in self._seen
                    self._seen[self.person, key] = state
                    lines += self._lines(shown, titles, is_new)
        return lines

    def _lines(self, shown: Any, titles: list[str], is_new: bool) -> list[str]:
        kind = "" if shown.kind in {"text", "template"} else f"[{shown.kind}] "
        first, *more = f"{kind}{shown.text}".split("\n")
        lines = [f"{'bot' if is_new else '  ↻'}  {first}", *(f"     {line}" for line in more)]
        if titles:
            self.buttons = titles
            lines.append("     " + "  ".join(f"[{n}] {title}" for n, title in enumerate(titles, start=1)))
        return lines


def _titles(shown: Any) -> list[str]:
    if hasattr(shown, "rows"):
        return [button["text"] for row in shown.rows for button in row if "callback_data" in button]
    with_payload = [button["title"] for button in shown.buttons if "payload" in button]
    return with_payload + [reply["title"] for reply in shown.quick_replies]


def talk(terminal: Terminal, lines: Any, write: Callable[[str], object]) -> None:
    """Until the lines end, or one says so."""
    ended = threading.Event()

    def show() -> None:
        while not ended.wait(LOOK_EVERY_S):
            for line in terminal.news():
                write(line)

    watching = threading.Thread(target=show, name="terminal", daemon=True)
    watching.start()
    try:
        for line in lines:
            try:
                if not terminal.do(line):
                    break
            except (ValueError, TypeError, LookupError, StopIteration) as error:
                write(str(error) or "There is nothing yet to do that with.")
    finally:
        ended.set()
        watching.join()
