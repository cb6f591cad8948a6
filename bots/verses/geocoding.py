"""Where a location is, in words: by whatever geocoder the setting `GEOCODER` names, or by none."""

import logging
from collections.abc import Awaitable, Callable

import httpx
from django.conf import settings
from django.utils.module_loading import import_string

Geocoder = Callable[[float, float, str], Awaitable[str]]
"""Latitude, longitude and the reader's language in; the place out, empty if it has no name."""

TIMEOUT_S = 4.0
MAX_ANSWER_BYTES = 64 * 1024

logger = logging.getLogger("parley.verses")


async def place_of(latitude: float, longitude: float, language: str) -> str:
    """The place, empty without a geocoder and when it fails: a location is kept all the same."""
    if not settings.GEOCODER:
        return ""
    geocoder: Geocoder = import_string(settings.GEOCODER)
    try:
        return (await geocoder(latitude, longitude, language))[:200]
    except Exception as error:
        # The address may hold a key, the error the address.
        logger.warning("the geocoder failed: %s", type(error).__name__)
        return ""


async def nominatim(latitude: float, longitude: float, language: str) -> str:
    """Asks the server at `GEOCODER_URL`, which speaks as Nominatim does (`/reverse`)."""
    parameters = {"lat": f"{latitude:.5f}", "lon": f"{longitude:.5f}", "format": "jsonv2", "zoom": "10"}
    headers = {"Accept-Language": language, "User-Agent": f"Parley ({settings.WEB_URL})"}
    async with (
        httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
        client.stream(
            "GET", f"{settings.GEOCODER_URL}/reverse", params=parameters, headers=headers
        ) as response,
    ):
        response.raise_for_status()
        answer = b""
        async for chunk in response.aiter_bytes():
            answer += chunk
            if len(answer) > MAX_ANSWER_BYTES:
                raise ValueError("The geocoder's answer is too long.")
    found = httpx.Response(200, content=answer).json()
    return str(found.get("display_name", ""))
