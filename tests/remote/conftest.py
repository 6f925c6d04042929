"""A server with buckets for every test, and a proxy before it."""

from __future__ import annotations

import pytest

from benchmarks.s3_server import ENVIRONMENT, server
from benchmarks.s3_server import client as connected
from fastdup_gpu.sources.retry import Backoff
from remote.faulty_proxy import Proxy, need_server


@pytest.fixture(scope="session")
def address():
    need_server()
    with server() as running:
        yield running.address


@pytest.fixture(scope="session")
def client(address):
    return connected(address)


@pytest.fixture(scope="session")
def one_proxy(address):
    proxy = Proxy(address)
    yield proxy
    proxy.close()


@pytest.fixture
def proxy(one_proxy, monkeypatch, tmp_path):
    """A proxy before the server, which the environment names; waits are short."""
    proxy = one_proxy
    proxy.reset()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("MC_CONFIG_DIR", str(tmp_path / "no-mc"))
    backoff = Backoff(attempts=4, first=0.01, longest=0.02)
    monkeypatch.setattr("fastdup_gpu.sources.s3.BACKOFF", backoff)
    monkeypatch.chdir(tmp_path)
    return proxy


@pytest.fixture
def bucket(client, proxy, request):
    """A function that puts objects into a bucket of this test and gives its name."""
    name = f"b{abs(hash(request.node.name)) % 10**12}"
    client.create_bucket(Bucket=name)

    def put(objects: dict[str, bytes]) -> str:
        for key, data in objects.items():
            client.put_object(Bucket=name, Key=key, Body=data)
        return name

    return put
