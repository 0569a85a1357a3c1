"""How many requests a push, a pull and a second push of many small results make, against a remote in memory that counts.

    python benchmarks/asked.py [--objects 10000]

Each result is one blob and one trace. `batches` is what an asynchronous file system (s3, gcs, http) is
asked together, 64 files at a time; each file in them is still one request of its own at the server, and a
listing is one request for each page (1,000 names at S3).
"""
from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Mapping, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.model import Artifact, LockEntry
from deepwatch_flow.remote import transfer
from deepwatch_flow.remote.blobs import RemoteBlobs
from deepwatch_flow.remote.files import Files
from deepwatch_flow.remote.shared import RemoteTraces
from deepwatch_flow.remote.traces import Sent
from deepwatch_flow.state.memory import MemoryStore

PAGE = 1000


def _folder(name: str) -> str:
    return "/".join(name.split("/")[:2])      # listings go down all the way


class Counting:
    """Files in memory; counts what is asked."""

    shown, lists, in_batches, moved = "memory", True, True, 0

    def __init__(self) -> None:
        self.kept: Dict[str, Dict[str, bytes]] = {}      # by folder
        self.asked: Counter[str] = Counter()

    def open(self) -> None:
        return None

    def names(self, folder: str) -> Dict[str, int]:
        found = {name: len(data) for name, data in self.kept.get(folder, {}).items()}
        self.asked["listings"] += 1
        self.asked["pages"] += max(1, math.ceil(len(found) / PAGE))
        return found

    def write_many(self, data: Mapping[str, bytes]) -> None:
        self.asked["batches"] += 1
        self.asked["written"] += len(data)
        for name, each in data.items():
            self.kept.setdefault(_folder(name), {})[name] = each

    def read_many(self, sizes: Mapping[str, int]) -> Dict[str, bytes]:
        self.asked["batches"] += 1
        self.asked["read"] += len(sizes)
        return {name: self.kept[_folder(name)][name] for name in sizes}


def main() -> None:
    """Push, push again, pull; print what each asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10_000)
    count = parser.parse_args().objects
    here, there, files = MemoryStore(), MemoryStore(), Counting()
    sent, sizes = [], {}
    for number in range(count):
        data = b"result %d" % number
        blob = here.put(data)
        sizes[blob] = len(data)
        key = digest_bytes(b"key %d" % number)
        sent.append(Sent("step", LockEntry(key, key, (), (), (), Artifact(blob, blob, len(data), "json/1"))))

    def remote(store: Any) -> RemoteBlobs:
        return RemoteBlobs(cast(Files, files), store, print)

    def told(what: str, moved: transfer.Moved, blobs: int, traces: int) -> None:
        assert (moved.blobs, moved.traces, moved.lost) == (blobs, traces, ()), moved
        print(f"{what:<12}", "  ".join(f"{each} {number:,}" for each, number in sorted(files.asked.items())), flush=True)
        files.asked.clear()

    def traces() -> RemoteTraces:
        return RemoteTraces(cast(Files, files), None, True, print)

    told("push", transfer.push(sizes, sent, remote(here), traces()), count, count)
    told("push again", transfer.push(sizes, sent, remote(here), traces()), 0, 0)
    told("pull", transfer.pull(sizes, remote(there), there.has), count, 0)


if __name__ == "__main__":
    main()
