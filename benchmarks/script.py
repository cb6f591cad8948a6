"""What a client says and hears: the text that the load generator goes by (`native/script.h` explains it)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

ONCE = "%once%"
"""In a script: a word that no measurement before has used. A key that was used before would get the first answer again, and
post nothing."""


def send(text: str) -> tuple[str, str]:
    return "send", text


def expect(text: str) -> tuple[str, str]:
    return "expect", text


@dataclass(frozen=True)
class Script:
    """How to become a client of a server. In all texts `%1%` is the client's first column, `%i%` its number,
    and so on as `native/script.h` has it.

    `columns` has a row for each client; `letters` makes, before each measurement, a row for each question instead, which
    nobody asks twice. With `ask` and `answer` it also says how to ask for something again and again;
    `is_http`: by POST to `path`, without a WebSocket.
    """

    port: int
    path: str
    headers: Sequence[str] = ()
    steps: Sequence[tuple[str, str]] = ()
    refuse: str = ""
    afresh: str = ""
    offset: str = ""
    ping: str = ""
    pong: str = ""
    ask: str = ""
    answer: str = ""
    hear: str = ""
    is_http: bool = False
    columns: Sequence[Sequence[str]] = field(default=(), repr=False)
    letters: Callable[[], Iterable[Sequence[str]]] | None = None

    def asking(self, ask: str, answer: str) -> "Script":
        return replace(self, ask=ask, answer=answer)

    def talking(self, say: str, hear: str = "") -> "Script":
        """Says `say`, with `%m%` for the number of the message; what it hears of others has `hear` in it."""
        return replace(self, ask=say, hear=hear)

    def write(self, directory: Path) -> list[str]:
        """Writes the files and returns the generator's arguments that name them."""
        lines = [("path", self.path), *(("header", text) for text in self.headers), *self.steps]
        lines += [
            (name, text)
            for name in ("refuse", "afresh", "offset", "ping", "pong", "ask", "answer", "hear")
            if (text := getattr(self, name))
        ]
        lines += [("http", "")] if self.is_http else []
        text = "".join(f"{word} {_escaped(text)}\n" for word, text in lines)
        (directory / "script").write_text(text.replace(ONCE, token_hex(4)))
        (directory / "columns").write_text("".join("\t".join(row) + "\n" for row in self.columns))
        files = [f"vars={directory / 'columns'}"] if self.columns else []
        if self.letters is not None:
            with (directory / "letters").open("w") as file:
                file.writelines("\t".join(row) + "\n" for row in self.letters())
            files.append(f"letters={directory / 'letters'}")
        return [f"port={self.port}", f"script={directory / 'script'}", *files]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
