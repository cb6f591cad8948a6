"""nchan, the publish/subscribe module of nginx, in C."""

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.debian import unpacked, version
from benchmarks.generator import Publisher
from benchmarks.peer import Bench, Missing, Peer, Running, started
from benchmarks.script import Script
from tests.services import free_port

# Debian's module keeps long messages in a folder that only an installed nginx has, and its directive for another one does
# not work. Our copy gets a path of the same length, which is relative, so under nginx's prefix.
INSTALLED_FOLDER = b"/var/lib/nginx/body"
RELATIVE_FOLDER = b"messages-of-nchan-1"

CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
load_module {directory}/ngx_nchan_module.so;
events {{ worker_connections 20000; }}
worker_rlimit_nofile 20000;
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /follow {{
            nchan_subscriber websocket;
            nchan_subscriber_first_message newest;
            nchan_channel_id bench;
        }}
        location = /publish {{
            nchan_publisher http;
            nchan_channel_id bench;
        }}
    }}
}}
"""


class Nchan(Peer):
    key = "nchan"
    title = "nchan (nginx, C)"

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        program = self._root(bench) / "usr/sbin/nginx"
        shown = subprocess.run([program, "-v"], check=False, stderr=subprocess.PIPE, text=True).stderr
        found = re.search(r"nginx/(\S+)", shown)
        if found is None:
            raise Missing(f"its nginx does not run here: {shown.strip()}")
        return {"nginx": found[1], "nchan": version(self._root(bench), "libnginx-mod-nchan")}

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, root = free_port(), self._root(bench)
        configuration = bench.directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(directory=bench.directory, port=port))
        module = (root / "usr/lib/nginx/modules/ngx_nchan_module.so").read_bytes()
        ours = bench.directory / "ngx_nchan_module.so"
        ours.write_bytes(module.replace(INSTALLED_FOLDER, RELATIVE_FOLDER))
        command = [str(root / "usr/sbin/nginx"), "-p", str(bench.directory), "-c", str(configuration)]
        with started(bench, command, port) as process:
            yield Running(
                process,
                clients=Script(port, "/follow"),
                publisher=Publisher("benchmarks.publishers.http_post", [str(port), "/publish"]),
            )

    def _root(self, bench: Bench) -> Path:
        return unpacked(bench.cache, "nginx", "nginx-common", "libnginx-mod-nchan")


NCHAN = Nchan()
