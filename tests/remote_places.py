"""Places for remotes in tests: an S3 server and an HTTP server in processes of their own, a folder.

A test that needs a package which is not installed is skipped, unless DEEPWATCH_TEST_REMOTE is set
(as in CI): there it must not go unnoticed that nothing was tested.
"""
from __future__ import annotations

import contextlib
import importlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

KEY = "0123456789abcdef-the-key-of-the-team"


def need(*modules: str) -> None:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            if os.environ.get("DEEPWATCH_TEST_REMOTE"):
                raise
            pytest.skip(f"{module} is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _serving(*command: str, port: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, f"{command} ended"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


class Place:
    """A remote: its URL, the variables that lead to it, and what lies there."""

    def __init__(self, url: str, environ: Dict[str, str]) -> None:
        self.url = url
        self.environ = environ

    def names(self) -> List[str]:
        """What lies there, relative to the URL."""
        fs, root = self._fs()
        with contextlib.suppress(FileNotFoundError):
            return sorted(name[len(root):].lstrip("/") for name in fs.find(root))
        return []

    def blobs(self) -> List[str]:
        return [name for name in self.names() if name.startswith("objects/")]

    def traces(self) -> List[str]:
        return [name for name in self.names() if name.startswith("traces/")]

    def read(self, name: str) -> bytes:
        fs, root = self._fs()
        return bytes(fs.cat_file(f"{root}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        fs, root = self._fs()
        if self.url.startswith("file:"):
            fs.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        fs.pipe_file(f"{root}/{name}", data)

    def remove(self, name: str) -> None:
        fs, root = self._fs()
        fs.rm_file(f"{root}/{name}")

    def _fs(self):
        import fsspec

        options = {}
        if "FSSPEC_S3_ENDPOINT_URL" in self.environ:
            options = {"endpoint_url": self.environ["FSSPEC_S3_ENDPOINT_URL"], "key": "test", "secret": "test"}
        fs, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **options)
        return fs, str(root).rstrip("/")


@contextlib.contextmanager
def s3_server() -> Iterator[Dict[str, str]]:
    """An S3 server; yields the variables for its clients."""
    need("fsspec", "s3fs", "moto", "flask")
    port = free_port()
    with _serving("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), port=port):
        yield {"FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test",
               "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@contextlib.contextmanager
def http_server(folder: Path) -> Iterator[str]:
    """A web server for a folder; yields its URL."""
    need("fsspec", "aiohttp")
    port = free_port()
    with _serving("-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder), port=port):
        yield f"http://127.0.0.1:{port}"
