"""What Redis says on a line of our own is what is taken, over TLS too."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from messaging.redis_line import BUFFER_BYTES, RedisLine
from tests.services import Valkey

pytestmark = pytest.mark.needs_redis

TIMES = 300


@asynccontextmanager
async def tls_in_front_of(port: int, directory: Path) -> AsyncIterator[int]:
    """A port that speaks TLS, with a certificate of its own, and hands on what it hears, as a provider's Redis has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(directory))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pass_on(reader, inside[1]), _pass_on(inside[0], writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def _certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = directory / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
async def test_many_long_replies_at_once_come_whole(valkey: Valkey, tmp_path: Path, scheme: str) -> None:
    url = urlsplit(valkey.url)
    assert url.port is not None
    async with tls_in_front_of(url.port, tmp_path) as tls_port:
        port = tls_port if scheme == "rediss" else url.port
        address = f"{scheme}://:{url.password}@127.0.0.1:{port}/0"
        host: dict[str, Any] = {"address": address}
        if scheme == "rediss":
            host |= {"ssl_cert_reqs": "required", "ssl_ca_certs": str(tmp_path / "certificate.pem")}
        texts = [b"%d " % number * 1000 for number in range(TIMES)]
        replies: list[Any] = []
        done = asyncio.Event()
        line = RedisLine(
            host,
            replies.append,
            lambda: done.set() if len(replies) == TIMES else None,
            lambda error: done.set(),
        )
        await line.open()
        line.write(("ECHO", text) for text in texts)
        async with asyncio.timeout(20):
            await done.wait()
        line.close()
        await asyncio.sleep(0.05)
    assert sum(map(len, texts)) > 4 * BUFFER_BYTES
    assert replies == texts
