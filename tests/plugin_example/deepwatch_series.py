"""A plugin for `Series`, a type that can neither be pickled nor taken apart: it holds a lock."""
import json
import os
import threading

from deepwatch_flow import hookimpl


class Series:
    """Numbers that several threads may append to."""

    def __init__(self, numbers=()):
        self.numbers = list(numbers)
        self.lock = threading.Lock()


class SeriesCodec:
    """Series <-> bytes. The bytes of equal values must be equal."""

    name = "series"

    def encode(self, value):
        if not isinstance(value, Series):
            return None                     # not ours: another codec is asked
        return json.dumps(value.numbers).encode()

    def decode(self, data):
        return Series(json.loads(data))


@hookimpl
def deepwatch_codecs():
    return [SeriesCodec()]


@hookimpl
def deepwatch_digest_value(value):
    if isinstance(value, Series):
        return ["series", *map(repr, value.numbers)]
    return None                             # not ours


@hookimpl
def deepwatch_step_finished(step, outcome):
    journal = os.environ.get("SERIES_JOURNAL")
    if journal:
        with open(journal, "a") as file:
            file.write(f"{step} {outcome}\n")


@hookimpl
def deepwatch_commands():
    return [("sum", "add up numbers", add_arguments, add_up)]


def add_arguments(parser):
    parser.add_argument("numbers", nargs="+", type=float)


def add_up(args, console):
    print(sum(args.numbers))
    return 0
