"""The app's page is one for all its addresses, guarded like the others, and never kept by a cache."""

import re
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from frontend.pages.policy import POLICY


@pytest.fixture
def built(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Parley</title>")
    (folder / "sw.js").write_text("self;")
    settings.STATIC_ROOT = tmp_path
    return folder


@pytest.mark.parametrize("path", ["/app", "/app/", "/app/chats/feed", "/app/join/x.y", "/app/no/such/place"])
def test_every_address_of_the_app_is_its_page(client: Client, built: Path, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert b"<title>Parley</title>" in response.content
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Cache-Control"] == "no-cache"
    assert response["Content-Security-Policy"].startswith(POLICY)
    assert "unsafe" not in response["Content-Security-Policy"]


def test_the_worker_lies_where_it_may_look_after_the_app(client: Client, built: Path) -> None:
    response = client.get("/app/sw.js")
    assert response.content == b"self;"
    assert re.match("text/javascript", response["Content-Type"])
    assert response["Cache-Control"] == "no-cache"


def test_an_app_that_was_not_built_is_told_of(client: Client, tmp_path: Path, settings: Settings) -> None:
    settings.STATIC_ROOT = tmp_path
    response = client.get("/app/")
    assert response.status_code == 503
    assert b"has not been built" in response.content
