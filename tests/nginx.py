"""Owns a real nginx for tests: Debian's, unpacked into var/, so nothing is installed and nobody need be root."""

import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Self

from benchmarks.debian import unpacked
from tests.asgi_app.raw import wait_for
from tests.kept_process import KeptProcess
from tests.services import ROOT

NAME = "parley.example.org"
CACHE = ROOT / "var" / "cache" / "tests"

_one_at_a_time = threading.Lock()

AROUND = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
worker_rlimit_nofile 4096;
events {{ worker_connections 4000; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {site}
}}
"""


class Nginx:
    """Serves one site's configuration, which the caller has made listen on `port` of this machine."""

    def __init__(self, directory: Path, site: str, port: int) -> None:
        self.access_log = directory / "access.log"
        self._directory = directory
        self._port = port
        configuration = directory / "nginx.conf"
        configuration.write_text(AROUND.format(directory=directory, site=site))
        with _one_at_a_time:
            program = unpacked(CACHE, "nginx", "nginx-common") / "usr/sbin/nginx"
        command = [str(program), "-p", str(directory), "-c", str(configuration)]
        self._process = KeptProcess(command, log=directory / "output")

    def __enter__(self) -> Self:
        wait_for(lambda: self._listens() or not self._process.is_running(), 10)
        assert self._process.is_running(), self._process.log_tail()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()

    @property
    def statuses(self) -> list[int]:
        """Of all requests so far."""
        return [int(line.split('"')[2].split()[0]) for line in self.access_log.read_text().splitlines()]

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def make_certificate(directory: Path) -> ssl.SSLContext:
    """Puts cert.pem and key.pem there, and returns what a client needs to believe them."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={NAME}",
    ]
    names = ["-addext", f"subjectAltName=DNS:{NAME},DNS:localhost"]
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return ssl.create_default_context(cafile=directory / "cert.pem")
