"""Where somebody is, in words: by a geocoder that is set, may fail, and is not needed."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import override_settings

from bots.verses.geocoding import MAX_ANSWER_BYTES, place_of


async def own_geocoder(latitude: float, longitude: float, language: str) -> str:
    return f"{latitude} {longitude} {language}"


async def broken_geocoder(latitude: float, longitude: float, language: str) -> str:
    raise ValueError("a key: 12345")


class Server:
    """Answers as a Nominatim server does, or as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.status, self.body = 200, json.dumps({"display_name": "Paris, France"}).encode()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, self.headers["Accept-Language"]))
                self.send_response(server.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def nominatim() -> Iterator[Server]:
    server = Server()
    url = f"http://127.0.0.1:{server.http.server_port}"
    with override_settings(GEOCODER="bots.verses.geocoding.nominatim", GEOCODER_URL=url):
        yield server
    server.http.shutdown()
    server.http.server_close()


async def test_without_one_there_are_no_words() -> None:
    assert await place_of(48.8566, 2.3522, "en") == ""


async def test_anybody_s_own_is_asked() -> None:
    with override_settings(GEOCODER=f"{__name__}.own_geocoder"):
        assert await place_of(48.8566, 2.3522, "fr") == "48.8566 2.3522 fr"


async def test_one_that_fails_costs_the_words_and_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with override_settings(GEOCODER=f"{__name__}.broken_geocoder"):
        assert await place_of(1, 2, "en") == ""
    assert "ValueError" in caplog.text
    assert "12345" not in caplog.text


async def test_a_nominatim_server_is_asked_in_the_reader_s_language(nominatim: Server) -> None:
    assert await place_of(48.85661234, 2.3522, "ru") == "Paris, France"
    [(path, language)] = nominatim.asked
    assert path == "/reverse?lat=48.85661&lon=2.35220&format=jsonv2&zoom=10"
    assert language == "ru"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (302, b"{}"),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"display_name": "' + b"x" * MAX_ANSWER_BYTES + b'"}'),
    ],
)
async def test_what_is_no_answer_is_none(nominatim: Server, status: int, body: bytes) -> None:
    nominatim.status, nominatim.body = status, body
    async with asyncio.timeout(10):
        assert await place_of(1, 2, "en") == ""
    assert len(nominatim.asked) == 1
