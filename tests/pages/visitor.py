"""A visitor without JavaScript: reads pages, follows links, fills in the forms that are there, and sends them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
from django.core import mail
from django.test import Client

from messaging.models import User

ONLY_BY_SCRIPT = {"template", "dialog"}
VOID = {"input", "meta", "link", "br", "img", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: "list[Element]" = field(default_factory=list)

    @property
    def said(self) -> str:
        """Its text and that of everything in it, spaces as a browser has them."""
        return " ".join(self.text.split())

    def all(self, tag: str, **attributes: str) -> "list[Element]":
        return [each for each in self.inside if each.matches(tag, attributes)]

    def matches(self, tag: str, attributes: dict[str, str]) -> bool:
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return self.tag == tag and wanted.items() <= self.attributes.items()


class _Reader(HTMLParser):
    """Collects elements in the order they begin; each knows all that is inside it. What only scripts show is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = []
        self.page = Element("page", {})
        self._left_out = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ONLY_BY_SCRIPT:
            self._left_out += 1
        if self._left_out:
            return
        element = Element(tag, {name: value or "" for name, value in attrs})
        for outer in (self.page, *self.open):
            outer.inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if self._left_out:
            self._left_out -= tag in ONLY_BY_SCRIPT
            return
        if tag not in VOID and tag != "path":
            while self.open and self.open.pop().tag != tag:
                pass

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID and not self._left_out:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self._left_out:
            return
        for outer in (self.page, *self.open):
            outer.text += data


class Page:
    """One answer, as its reader sees it."""

    def __init__(self, response: Any, url: str) -> None:
        self.status: int = response.status_code
        self.headers: dict[str, str] = dict(response.headers)
        self.url = url
        self.html: str = response.content.decode()
        reader = _Reader()
        reader.feed(self.html)
        self.root = reader.page
        (self.content,) = self.root.all("main") or [Element("main", {})]

    @property
    def title(self) -> str:
        return self.root.all("h1")[0].said

    @property
    def messages(self) -> list[str]:
        """The texts of the messages, in the order of the page."""
        return [
            paragraph.text
            for log in self.root.all("ol")
            for paragraph in log.all("p")
            if "text" in paragraph.attributes.get("class", "").split()
        ]

    @property
    def notices(self) -> list[str]:
        return [
            each.said for each in self.root.all("p") if "notice" in each.attributes.get("class", "").split()
        ]

    @property
    def errors(self) -> list[str]:
        return [
            each.said for each in self.root.all("p") if "error" in each.attributes.get("class", "").split()
        ]

    @property
    def live(self) -> Any:
        """What the page's script starts from."""
        (data,) = self.root.all("script", id="live")
        return orjson.loads(data.text)

    def link(self, text: str) -> str:
        return urljoin(
            self.url, next(each for each in self.root.all("a") if each.said == text).attributes["href"]
        )

    def has(self, tag: str, text: str) -> bool:
        return any(each.said == text for each in self.root.all(tag))

    def form(self, button: str) -> "Form":
        """The form that has this button."""
        for form in self.root.all("form"):
            if any(each.said == button for each in form.all("button")):
                return Form(form, self.url)
        raise LookupError(f"{self.url} has no button {button!r}")


class Form:
    """A form as the page has it: its fields with what is in them."""

    def __init__(self, element: Element, url: str) -> None:
        self.method = element.attributes.get("method", "get")
        self.action = urljoin(url, element.attributes.get("action", "") or url)
        self.fields = {
            each.attributes["name"]: each.attributes.get("value", "on" if _is_box(each) else "")
            for each in element.all("input")
            if "name" in each.attributes and ("checked" in each.attributes or not _is_box(each))
        }
        # The first line break of a text area is not part of what is in it.
        self.fields |= {
            each.attributes["name"]: each.text.removeprefix("\n") for each in element.all("textarea")
        }


def _is_box(element: Element) -> bool:
    return element.attributes.get("type") == "checkbox"


class Visitor:
    """Has a browser of their own, in which `user`, if given, has signed in."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client(enforce_csrf_checks=True, REMOTE_ADDR="192.0.2.1")
        if user is not None:
            self.client.force_login(user)

    def open(self, path: str) -> Page:
        return self._followed(self.client.get(path, follow=True), path)

    def submit(self, form: Form, without: tuple[str, ...] = (), **fields: str) -> Page:
        """Sends the form with `fields` filled in, without the boxes that are to be unticked."""
        data = {name: value for name, value in (form.fields | fields).items() if name not in without}
        send = self.client.post if form.method == "post" else self.client.get
        return self._followed(send(form.action, data, follow=True), form.action)

    def say(self, path: str, text: str, button: str = "Send") -> Page:
        return self.submit(self.open(path).form(button), text=text)

    def _followed(self, response: Any, path: str) -> Page:
        chain = getattr(response, "redirect_chain", [])
        url = chain[-1][0] if chain else path
        return Page(response, urlsplit(url)._replace(scheme="", netloc="").geturl())


def link_in_mail() -> str:
    """The path of the link in the last mail."""
    body = str(mail.outbox[-1].body)
    (link,) = (line for line in body.splitlines() if line.startswith("http"))
    return urlsplit(link).path
