"""A proxy before an S3 server that injects faults."""

from __future__ import annotations

import http.client
import importlib.util
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from benchmarks.s3_server import ACCESS, SECRET

Fault = Callable[[str, int], str]


def need_server() -> None:
    """Skip where the packages are not installed."""
    for package in ("s3fs", "moto", "flask", "boto3"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed", allow_module_level=True)


class Proxy:
    """Passes requests on, but for what `fault(path, how often this path was asked for)` names:
    'reset', 'cut', 'slow', 'crawl', 'hang', a status such as '503', or '' for no fault."""

    def __init__(self, target: str) -> None:
        self.reset()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self.target = urlsplit(target).netloc
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def reset(self) -> None:
        """As if it were new."""
        self.fault: Fault = lambda path, count: ""
        self.counts: Counter[str] = Counter()
        self.statuses: list[int] = []
        self.before: Callable[[str], None] = lambda path: None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(self.path)
        self.owner.before(path)
        self.owner.counts[path] += 1
        fault = self.owner.fault(path, self.owner.counts[path])
        if fault == "reset":
            self._reset()
        elif fault == "hang":
            time.sleep(1.5)
            self._reset()
        elif fault.isdigit():
            self._answer(int(fault), [], _error(fault), "")
        else:
            self._pass_on(fault)

    def _pass_on(self, fault: str) -> None:
        connection = http.client.HTTPConnection(self.owner.target)
        connection.request("GET", self.path, headers=dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        hop = ("connection", "content-length", "transfer-encoding", "keep-alive")
        headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in hop]
        self._answer(answer.status, headers, data, fault)
        connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, how: str) -> None:
        self.owner.statuses.append(status)
        self.send_response_only(status)
        for name, value in [*headers, ("Content-Length", str(len(data)))]:
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            if how == "cut":
                self.wfile.write(data[: len(data) // 2])
                self._reset()
            elif how == "crawl":
                for at in range(0, len(data), len(data) // 8 + 1):
                    self.wfile.write(data[at : at + len(data) // 8 + 1])
                    time.sleep(0.2)
            elif how == "slow":
                for at in range(min(40, len(data))):
                    self.wfile.write(data[at : at + 1])
                    time.sleep(0.05)
                self._reset()
            else:
                self.wfile.write(data)

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _error(status: str) -> bytes:
    code = {
        "400": "ExpiredToken",
        "403": "AccessDenied",
        "503": "SlowDown",
        "500": "InternalError",
    }.get(status, "Odd")
    return f"<Error><Code>{code}</Code><Message>{ACCESS} {SECRET}</Message></Error>".encode()
