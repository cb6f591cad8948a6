"""Owns reading what `/metrics` says."""

import re
from collections.abc import Iterator

import httpx

from tests.live_server import LiveServer
from tests.services import ROOT

TOKEN = "a-token-for-metrics"
MONITORING = ROOT / "docs" / "monitoring"


class Sample:
    """The numbers of one process at one moment, by name and labels as they are written."""

    def __init__(self, text: str) -> None:
        self.lines = dict(
            line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")
        )

    def __getitem__(self, name: str) -> float:
        return float(self.lines.get(name, 0))

    @property
    def names(self) -> set[str]:
        return {name.partition("{")[0] for name in self.lines}

    def total(self, name: str) -> float:
        """Over all labels."""
        return sum(float(value) for key, value in self.lines.items() if key.partition("{")[0] == name)


async def sample(server: LiveServer) -> Sample:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        answer = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == httpx.codes.OK, answer.text
    return Sample(answer.text)


def names_in(text: str) -> Iterator[str]:
    """The metrics that rules or panels ask for."""
    yield from re.findall(r"\b(?:parley|process)_[a-z_]+", text)
