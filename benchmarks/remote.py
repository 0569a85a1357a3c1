"""Push and pull against an S3 server on this machine: many small objects, one large one, in a process of its own each.

    python benchmarks/remote.py [--objects 10000] [--large GIB]

Needs the packages of the extra `test` (moto, s3fs). What is told: objects per second of wall clock
(server and client share the machine, so it is a lower bound), CPU seconds of the client alone, and
its peak memory.
"""
from __future__ import annotations

import argparse
import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from deepwatch_flow.model import Digest  # noqa: E402
from deepwatch_flow.remote import transfer  # noqa: E402
from deepwatch_flow.remote.blobs import RemoteBlobs  # noqa: E402
from deepwatch_flow.remote.files import Files  # noqa: E402
from deepwatch_flow.state.store import LocalStore  # noqa: E402

URL = "s3://bench/project"


@contextlib.contextmanager
def server() -> Iterator[Dict[str, str]]:
    """An S3 server in a process of its own; yields the variables that lead to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield {"FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "bench",
               "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
    finally:
        process.terminate()
        process.wait()


def fill(folder: str, count: int) -> Dict[Digest, int]:
    """Small blobs in a new store."""
    store = LocalStore(folder)
    data = [f"a small result, number {number}".encode() for number in range(count)]
    return {store.put(each): len(each) for each in data}


def make_large(folder: str, gib: float) -> Dict[Digest, int]:
    """One blob of random pieces, written without ever being whole in memory."""
    path = os.path.join(folder, "large")
    with open(path, "wb") as stream:
        for _ in range(int(gib * 1024)):
            stream.write(os.urandom(1 << 20))
    digest, size = LocalStore(os.path.join(folder, "here")).put_file(path)
    os.unlink(path)
    return {digest: size}


def client(way: str, folder: str, listed: str) -> None:
    """Move all blobs of a list one way, and tell what that took."""
    blobs = {Digest(digest): int(size) for digest, size in (line.split() for line in Path(listed).read_text().splitlines())}
    store = LocalStore(folder)
    remote = RemoteBlobs(Files(URL), store, lambda notice: print(notice))
    wall, cpu = time.perf_counter(), time.process_time()
    if way == "push":
        moved = transfer.push(blobs, (), remote, None)
    else:
        moved = transfer.pull(blobs, remote, store.has)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    assert moved.blobs == len(blobs), moved
    print(f"  {way}: {moved.blobs} objects, {moved.size / 1e6:.1f} MB in {wall:.1f} s: {moved.blobs / wall:.0f} objects/s, "
          f"{moved.size / 1e6 / wall:.0f} MB/s; client {cpu:.1f} s CPU, peak {peak:.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--large", type=float, default=0.0, help="GiB of the one large object; 0: none")
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client:
        client(*args.client)
        return
    for what in ("small", "large"):
        if not (args.objects if what == "small" else args.large):
            continue
        with tempfile.TemporaryDirectory() as folder, server() as environ:
            print(f"{what}:", flush=True)
            here = os.path.join(folder, "here")
            blobs = fill(here, args.objects) if what == "small" else make_large(folder, args.large)
            listed = os.path.join(folder, "list")
            Path(listed).write_text("".join(f"{digest} {size}\n" for digest, size in blobs.items()))
            env = {**os.environ, **environ}
            subprocess.run([sys.executable, "-c", "import fsspec; fsspec.filesystem('s3').mkdir('bench')"], env=env, check=True)
            for way, store in (("push", here), ("pull", os.path.join(folder, "there"))):
                subprocess.run([sys.executable, __file__, "--client", way, store, listed], env=env, check=True)


if __name__ == "__main__":
    main()
