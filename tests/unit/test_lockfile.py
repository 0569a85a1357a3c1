"""The lockfile: canonical bytes, merges, and errors that tell line and cure."""
from __future__ import annotations

import errno
import os
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwatch_flow._compat import toml_loads
from deepwatch_flow.errors import EnvironmentFault, StateError
from deepwatch_flow.hashing.digest import digest_bytes
from deepwatch_flow.model import Accepted, Artifact, FamilyEntry, Input, Lock, LockEntry, ProductFile, Upstream
from deepwatch_flow.state import disk, lockfile, lockgrammar
from deepwatch_flow.state.database import Database


def digest(text):
    return digest_bytes(str(text).encode("utf-8", "surrogatepass"))


def entry_of(name, **changes):
    entry = LockEntry(
        digest(f"key {name}"), digest(f"code {name}"), (("alpha", digest(1)), ("beta", digest(2))),
        (Input("data/in.csv", digest("in")),), (Upstream("df", "clean", digest("up")),),
        Artifact(digest(f"output {name}"), digest(f"blob {name}"), 12, "json"),
        (ProductFile("out/plot.png", digest("png"), 5),), (("file data/hidden.csv", digest("hidden")),))
    return entry._replace(**changes)


def lock_of(*names, **changes):
    return Lock({name: entry_of(name, **changes) for name in names}, {f"pipeline.{name}": digest(name) for name in names},
                {"numpy": "1.24.4", "pandas": "2.0.3"}, 1)


SAMPLE = lock_of("clean", "model", "trips")
TEXT = lockfile.dumps(SAMPLE)

digests = st.integers(0, 5).map(digest)
names = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
paths = names.filter(lockgrammar.is_inside)
sizes = st.integers(0, 10 ** 17)


def facts(keys, *values):
    return st.dictionaries(keys, st.tuples(*values), max_size=3).map(lambda found: sorted(
        (key, *rest) for key, rest in found.items()))


entries = st.builds(
    LockEntry, key=digests, code=digests,
    params=facts(names, digests).map(tuple),
    inputs=facts(names, digests).map(lambda found: tuple(Input(*each) for each in found)),
    upstreams=facts(names, names, digests).map(lambda found: tuple(Upstream(*each) for each in found)),
    artifact=st.builds(Artifact, output=digests, blob=digests, size=sizes, codec=names),
    products=facts(paths, digests, sizes, st.booleans()).map(lambda found: tuple(ProductFile(*each) for each in found)),
    observed=facts(names, digests).map(tuple))


@st.composite
def families(draw):
    made = draw(st.dictionaries(digests, st.builds(Artifact, output=digests, blob=digests, size=sizes, codec=names), max_size=3))
    wrote = {}
    for each in draw(facts(paths, digests, sizes, st.booleans())) if made else ():
        wrote.setdefault(draw(st.sampled_from(sorted(made))), []).append(ProductFile(*each))
    inputs = [Input(*each) for each in draw(facts(names, digests))]
    return FamilyEntry(draw(digests), tuple(sorted(made.items())), tuple(draw(facts(names, digests))), tuple(inputs),
                       tuple(sorted((key, tuple(sorted(files))) for key, files in wrote.items())))


locks = st.builds(
    Lock, families=st.dictionaries(names, families(), max_size=2), steps=st.dictionaries(names, entries, max_size=3), definitions=st.dictionaries(names, digests, max_size=3),
    packages=st.dictionaries(names, names, max_size=3), scheme=st.integers(0, 99),
    accepted=st.dictionaries(st.tuples(names, names), st.tuples(digests, digests, names), max_size=3).map(
        lambda found: tuple(sorted(Accepted(*key, *rest) for key, rest in found.items()))))


# -- there and back -------------------------------------------------------------------------------

@given(locks)
@settings(max_examples=150)
def test_any_lock_comes_back_from_its_text_by_both_readers(lock):
    text = lockfile.dumps(lock)
    assert lockgrammar.parse_canonical(text) == lock
    assert lockfile.loads(text + "# an edit that leaves the fast reader no choice\n") == lock
    assert lockfile.dumps(lockfile.loads(text)) == text
    assert "\r" not in text


@given(locks, st.data())
@settings(max_examples=150)
def test_the_fast_reader_never_says_other_than_the_toml_parser(lock, data):
    """Mutilate a text: what the fast reader still takes must be what TOML says."""
    text = lockfile.dumps(lock)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    text = text[:start] + data.draw(st.sampled_from(["", "\n", '"', "[", "a", "\\", " ", "\n\n", "x = 1\n", text[start:end] * 2])) + text[end:]
    fast = lockgrammar.parse_canonical(text)
    if fast is not None:
        assert lockfile.loads(text + "# no\n") == fast


def test_the_order_in_a_record_does_not_count():
    shuffled = Lock(dict(reversed(list(SAMPLE.steps.items()))), dict(reversed(list(SAMPLE.definitions.items()))),
                    dict(reversed(list(SAMPLE.packages.items()))), 1)
    entry = SAMPLE.steps["model"]
    shuffled.steps["model"] = entry._replace(params=entry.params[::-1])
    assert lockfile.dumps(shuffled) == TEXT


def test_the_text_is_what_the_grammar_says():
    document = toml_loads(TEXT)
    assert list(document) == ["version", "scheme", "steps", "definitions", "packages"]
    assert document["version"] == 1
    assert document["steps"]["model"]["upstreams"] == {"df": {"step": "clean", "output": digest("up")}}
    assert document["definitions"]["pipeline.model"] == {"digest": digest("model")}
    assert all(line.count(" = ") <= 4 for line in TEXT.splitlines())


def test_names_are_written_so_that_no_terminal_is_painted():
    lock = lock_of('a"b\\c', "bell\x07\x7f\n", "bidi\u202e", "Ünï 🎈", "sep\u2028\x85", "\U000e0001")
    text = lockfile.dumps(lock)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "Ünï 🎈" in text
    assert lockfile.loads(text) == lock


def test_two_facts_of_one_name_are_refused_unless_they_agree():
    twice = (Input("a", digest(1)), Input("a", digest(1)))
    assert lockfile.loads(lockfile.dumps(lock_of("s", inputs=twice))).steps["s"].inputs == twice[:1]
    with pytest.raises(StateError, match="two different inputs"):
        lockfile.dumps(lock_of("s", inputs=(Input("a", digest(1)), Input("a", digest(2)))))


@pytest.mark.parametrize("name", ["b\udce4d", "x" * 20_000])
def test_a_name_that_can_not_be_written_is_explained(name):
    with pytest.raises(StateError) as caught:
        lockfile.dumps(lock_of(name))
    assert caught.value.hint


# -- reading --------------------------------------------------------------------------------------

@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "deepwatch.lock")


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def test_no_file_is_no_lock(path):
    assert lockfile.read(path) is None


@pytest.mark.parametrize("data", [
    TEXT.encode(), TEXT.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + TEXT.encode(),
    b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode(), TEXT.encode() + b"\n\n", TEXT.encode()[:-1]],
    ids=["plain", "CRLF", "BOM", "BOM and CRLF", "blank lines at the end", "no newline at the end"])
def test_what_editors_and_git_make_of_it_is_read(path, data):
    put(path, data)
    assert lockfile.read(path) == SAMPLE


CONFLICT = TEXT.replace(f'key = "{digest("key model")}"\n', '<<<<<<< HEAD\nkey = "1"\n=======\nkey = "2"\n>>>>>>> branch\n')
SHAPES = {
    "a conflict": (CONFLICT, "merge conflict", "git checkout --ours deepwatch.lock"),
    "half a conflict": (TEXT + "=======\n", "merge conflict", "--theirs"),
    "the base of a conflict": (TEXT + "||||||| 1234567\n", "merge conflict", "--theirs"),
    "a newer version": (TEXT.replace("version = 1", "version = 2", 1), "version 2", "upgrade deepwatch"),
    "a newer version with another syntax": ("version = 7\n{{{ nothing we know\n", "version 7", "upgrade"),
    "version zero": (TEXT.replace("version = 1", "version = 0", 1), "never was one", "git checkout"),
    "no version": (TEXT.replace("version = 1\n", "", 1), "no 'version'", "git checkout"),
    "a version that is no number": (TEXT.replace("version = 1", 'version = "1"', 1), "whole number", "git checkout"),
    "an empty file": ("", "empty", "git checkout"),
    "blanks": ("\n \n", "empty", "git checkout"),
    "garbage": ("ceci n'est pas une lock", "can't be read", "git checkout"),
    "another tool's lock": ("# yarn lockfile v1\n\nabbrev@1:\n  version '1'\n", "can't be read", "remove it"),
    "an unknown key": (TEXT.replace("\nkey =", "\ncolour = 1\nkey =", 1), "unknown key 'colour'", "git checkout"),
    "an unknown table": (TEXT + "\n[colours]\na = 1\n", "unknown key 'colours'", "git checkout"),
    "a missing key": (TEXT.replace("codec = \"json\"\n", "", 1), "no 'codec'", "git checkout"),
    "a digest that is none": (TEXT.replace(digest("key clean"), "xyz", 1), "64 hexadecimal", "git checkout"),
    "a size that is negative": (TEXT.replace("size = 12", "size = -1", 1), "whole number", "git checkout"),
    "a size that is true": (TEXT.replace("size = 12", "size = true", 1), "whole number", "git checkout"),
    "a step twice": (TEXT + TEXT[TEXT.index("[steps"):], ":", "git checkout"),
    "a fact twice": (TEXT.replace(f'"alpha" = "{digest(1)}"\n', f'"alpha" = "{digest(1)}"\n' * 2, 1), ":", "git checkout"),
    "a step that is no table": ('version = 1\nscheme = 1\n[steps]\na = 1\n', "must be a table", "git checkout"),
    "steps that are no table": ('version = 1\nscheme = 1\nsteps = 1\n', "must be a table", "git checkout"),
    "a table where a digest belongs": (TEXT.replace(f'"{digest("pipeline.x")}"', "{}").replace(
        f'digest = "{digest("clean")}"', "digest = {}"), "64 hexadecimal", "git checkout"),
    "a product outside": (TEXT.replace('"out/plot.png"', '"../plot.png"', 1), "outside of the project", "git checkout"),
    "an absolute product": (TEXT.replace('"out/plot.png"', '"/etc/passwd"', 1), "outside of the project", "git checkout"),
    "a product on a drive": (TEXT.replace('"out/plot.png"', '"C:/x"', 1), "outside of the project", "git checkout"),
    "deep dots": ("version = 1\n" + ".".join("a" * 20_000) + " = 1\n", "nested too deeply", "git checkout"),
    "deep arrays": ("version = 1\nx = " + "[" * 30_000 + "\n", "nested too deeply", "git checkout"),
    "deep arrays over many lines": ("version = 1\nx = " + "[\n" * 30_000, "nested too deeply", "git checkout"),
    "an endless line": ("version = 1\nx = '" + "x" * 70_000 + "'\n", "70006 characters", "git checkout"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bad_lockfile_is_refused_quickly_with_line_and_cure_and_left_alone(path, shape):
    text, message, hint = SHAPES[shape]
    put(path, text.encode())
    started = time.process_time()
    for attempt in (lambda: lockfile.read(path), lambda: lockfile.write(path, lock_of("other"))):
        with pytest.raises(StateError) as caught:
            attempt()
        assert caught.value.message.startswith(f"{path}:")
        assert caught.value.message[len(path) + 1].isdigit()
        assert message in caught.value.message
        assert hint in caught.value.hint
        assert caught.value.exit_code == 4
    assert time.process_time() - started < 2
    assert disk.read_bytes(path) == text.encode()


@pytest.mark.parametrize(("text", "position"), [
    (CONFLICT, str(CONFLICT[:CONFLICT.index("<<<<<<<")].count("\n") + 1) + ":"),
    (TEXT.replace("\nkey = ", "\nkey == ", 1), "6:6:"),
    (TEXT.replace("version = 1", "version = 9", 1), "2:"),
    (TEXT.replace(digest("key model"), "x", 1), str(TEXT[:TEXT.index('[steps."model"]')].count("\n") + 1) + ":"),
    (TEXT + "x = ", str(TEXT.count("\n") + 1) + ":"),
])
def test_errors_name_the_line(path, text, position):
    put(path, text.encode())
    with pytest.raises(StateError) as caught:
        lockfile.read(path)
    assert caught.value.message.startswith(f"{path}:{position}")


def test_what_is_no_text_is_refused(path):
    put(path, b"version = 1\nscheme = 1\n\xff\n")
    with pytest.raises(StateError, match=":3: .*UTF-8"):
        lockfile.read(path)


def test_every_truncation_is_refused_or_a_lock_of_the_blocks_before(path):
    """A half-saved file: nothing may be made up. (Cut between two blocks it is a valid, smaller lock.)"""
    accepted = 0
    for length in range(len(TEXT)):
        try:
            lock = lockfile.loads(TEXT[:length], path)
        except StateError:
            continue
        accepted += 1
        assert set(lock.steps) <= set(SAMPLE.steps)
        for name, entry in lock.steps.items():
            whole = SAMPLE.steps[name]
            assert entry[:2] == whole[:2]
            assert entry.artifact == whole.artifact
            assert set(entry.params) <= set(whole.params)
    assert accepted < len(TEXT) / 20


@given(st.binary(max_size=200))
def test_any_bytes_are_a_lock_or_a_state_error(tmp_path, data):
    path = str(tmp_path / "deepwatch.lock")
    for content in (data, TEXT.encode()[:300] + data, TEXT.encode() + data):
        put(path, content)
        try:
            assert isinstance(lockfile.read(path), Lock)
        except StateError as error:
            assert error.hint


@pytest.mark.parametrize("make", [lambda path: os.symlink(path + ".other", path), os.mkdir, os.mkfifo])
def test_what_is_no_file_is_neither_read_nor_replaced(path, make):
    put(path + ".other", TEXT.encode())
    make(path)
    for attempt in (lambda: lockfile.read(path), lambda: lockfile.write(path, SAMPLE)):
        with pytest.raises(EnvironmentFault):
            attempt()
    assert not os.path.isfile(path) or os.path.islink(path)


def test_a_huge_file_is_refused_before_it_is_read(path):
    with open(path, "wb") as file:
        file.truncate((512 << 20) + 1)
    with pytest.raises(StateError, match="too large"):
        lockfile.read(path)


# -- writing --------------------------------------------------------------------------------------

def test_writing_is_told_and_equal_bytes_are_not_touched(path):
    assert lockfile.write(path, SAMPLE) is True
    before = os.stat(path)
    assert lockfile.write(path, SAMPLE) is False
    after = os.stat(path)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert lockfile.write(path, lock_of("other")) is True
    assert lockfile.read(path) == lock_of("other")
    assert os.listdir(os.path.dirname(path)) == ["deepwatch.lock"]


def test_a_checkout_with_crlf_is_not_rewritten(path):
    put(path, TEXT.replace("\n", "\r\n").encode())
    assert lockfile.write(path, SAMPLE) is False
    assert lockfile.write(path, lock_of("other")) is True
    assert b"\r" not in disk.read_bytes(path)


def test_it_is_synced_before_it_gets_its_name(path, monkeypatch):
    calls = []
    monkeypatch.setattr(disk, "faults", lambda operation, path: calls.append(operation))
    lockfile.write(path, SAMPLE)
    assert calls[-4:] == ["write", "fsync", "replace", "fsync"]


@pytest.mark.parametrize("operation", ["open", "write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_lockfile(path, monkeypatch, operation):
    lockfile.write(path, SAMPLE)

    def full(asked, asked_path):
        if asked == operation and (asked_path != path or asked == "replace"):
            raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(disk, "faults", full)
    with pytest.raises(EnvironmentFault, match="No space"):
        lockfile.write(path, lock_of("other"))
    monkeypatch.setattr(disk, "faults", None)
    assert lockfile.read(path) == SAMPLE
    assert os.listdir(os.path.dirname(path)) == ["deepwatch.lock"]


# -- the parsed form ------------------------------------------------------------------------------

class Cache(dict):
    def lock_get(self, digest):
        return self.get(digest)

    def lock_put(self, digest, parsed):
        self[digest] = parsed


@given(locks)
@settings(max_examples=50)
def test_the_parsed_form_is_the_lock(tmp_path, lock):
    path, cache = str(tmp_path / "deepwatch.lock"), Cache()
    lockfile.write(path, lock, cache)
    os.path.exists(path) and os.unlink(path)
    lockfile.write(path, lock, cache)
    kept = dict(cache)
    assert lockfile.read(path, cache) == lock
    assert cache == kept
    cache.clear()
    assert lockfile.read(path, cache) == lock
    assert cache == kept or list(cache) == [digest_bytes(disk.read_bytes(path))]


@pytest.mark.parametrize("kept", [b"", b"garbage", b"i\x01\x00\x00\x00", b"(\x00\x00\x00\x00"])
def test_a_parsed_form_of_another_deepwatch_is_ignored(path, kept):
    lockfile.write(path, SAMPLE)
    cache = Cache({digest_bytes(TEXT.encode()): kept})
    assert lockfile.read(path, cache) == SAMPLE
    assert cache[digest_bytes(TEXT.encode())] != kept


def test_the_database_keeps_the_parsed_form(path, tmp_path, monkeypatch):
    with Database.open(str(tmp_path / "state.db"), pytest.fail) as database:
        lockfile.write(path, SAMPLE)
        assert lockfile.read(path, database) == SAMPLE
    monkeypatch.setattr(lockfile, "loads", pytest.fail)
    with Database.open(str(tmp_path / "state.db"), pytest.fail) as database:
        assert lockfile.read(path, database) == SAMPLE


# -- git ------------------------------------------------------------------------------------------

class Repository:
    def __init__(self, root):
        self.root = root
        self.path = str(root / "deepwatch.lock")
        self.git("init", "-q")
        self.git("config", "user.email", "a@example.org")
        self.git("config", "user.name", "A")

    def git(self, *arguments, check=True):
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(["git", *arguments], cwd=self.root, check=check, capture_output=True, env=env)

    def commit(self, lock):
        lockfile.write(self.path, lock)
        self.git("add", "deepwatch.lock")
        self.git("commit", "-q", "--allow-empty", "-m", "lock")

    def merged(self, base, ours, theirs):
        """Merge two branches; return git's exit code."""
        self.git("checkout", "-q", "--orphan", "base")
        self.commit(base)
        self.git("branch", "-q", "-f", "theirs")
        self.git("checkout", "-q", "-B", "ours")
        self.commit(ours)
        self.git("checkout", "-q", "theirs")
        self.commit(theirs)
        self.git("checkout", "-q", "ours")
        code = self.git("merge", "-q", "--no-edit", "theirs", check=False).returncode
        return code


@pytest.fixture
def repository(tmp_path):
    try:
        return Repository(tmp_path)
    except FileNotFoundError:
        pytest.skip("git is not installed")


def changed(lock, *names):
    """The lock after an edit of these steps: all that may change in their blocks changes."""
    steps, definitions = dict(lock.steps), dict(lock.definitions)
    for name in names:
        steps[name] = entry_of(f"{name} edited", params=(("alpha", digest(7)), ("gamma", digest(8))),
                               products=(ProductFile("out/plot.png", digest("png 2"), 6),))
        definitions[f"pipeline.{name}"] = digest(f"{name} edited")
    return lock._replace(steps=steps, definitions=definitions)


def without(lock, name):
    return lock._replace(steps={key: value for key, value in lock.steps.items() if key != name},
                         definitions={key: value for key, value in lock.definitions.items() if not key.endswith(f".{name}")})


def added(lock, name):
    extra = lock_of(name)
    return lock._replace(steps={**lock.steps, **extra.steps}, definitions={**lock.definitions, **extra.definitions})


BASE = lock_of("a", "b", "c", "d")


@pytest.mark.parametrize(("ours", "theirs", "both"), [
    (changed(BASE, "a"), changed(BASE, "b"), changed(BASE, "a", "b")),
    (changed(BASE, "b"), changed(BASE, "a", "c"), changed(BASE, "a", "b", "c")),
    (changed(BASE, "b"), added(BASE, "bb"), added(changed(BASE, "b"), "bb")),
    (changed(BASE, "c"), added(BASE, "bb"), added(changed(BASE, "c"), "bb")),
    (added(BASE, "aa"), added(BASE, "bb"), added(added(BASE, "aa"), "bb")),
    (without(BASE, "b"), changed(BASE, "a"), without(changed(BASE, "a"), "b")),
    (without(BASE, "b"), changed(BASE, "c"), without(changed(BASE, "c"), "b")),
    (changed(BASE, "d"), BASE._replace(packages={"numpy": "2.0", "pandas": "2.0.3"}),
     changed(BASE, "d")._replace(packages={"numpy": "2.0", "pandas": "2.0.3"})),
    (BASE._replace(packages={"numpy": "2.0", "pandas": "2.0.3"}), BASE._replace(packages={"numpy": "1.24.4", "pandas": "3"}),
     BASE._replace(packages={"numpy": "2.0", "pandas": "3"})),
], ids=["neighbours", "around", "edit and insert after", "edit and insert before", "two inserts", "remove and edit before",
        "remove and edit after", "step and package", "two packages"])
def test_git_merges_what_branches_did_to_different_steps(repository, ours, theirs, both):
    assert repository.merged(BASE, ours, theirs) == 0
    assert lockfile.read(repository.path) == both
    assert lockfile.write(repository.path, both) is False       # the merged text is canonical


def test_an_edit_of_one_step_on_both_branches_is_a_conflict_that_is_told(repository):
    other = BASE._replace(steps={**BASE.steps, "b": entry_of("b otherwise")})
    assert repository.merged(BASE, changed(BASE, "b"), other) != 0
    with pytest.raises(StateError, match="merge conflict"):
        lockfile.read(repository.path)
    repository.git("checkout", "--theirs", "deepwatch.lock")
    assert lockfile.read(repository.path) == other


# -- many steps -----------------------------------------------------------------------------------

def test_ten_thousand_steps_are_read_in_time():
    lock = lock_of(*[f"step {number}" for number in range(10_000)])
    text = lockfile.dumps(lock)
    seconds = []
    for _ in range(3):
        started = time.process_time()
        assert len(lockfile.loads(text).steps) == 10_000
        seconds.append(time.process_time() - started)
    assert min(seconds) < 1.5       # a tenth of what a TOML parser takes; the benchmark has the exact figure


def test_a_family_vouches_for_the_keys_that_it_lists_and_no_other() -> None:
    keys = [digest_bytes(b"%d" % number) for number in range(50)]
    artifact = Artifact(keys[0], keys[1], 1, "json/1")
    lock = lockfile.loads(lockfile.dumps(Lock({}, {}, {}, families={
        "fit": FamilyEntry(keys[0], tuple(sorted((key, artifact) for key in keys[:40])))})))
    assert [lock.vouches("fit[1]", key) for key in keys] == [True] * 40 + [False] * 10
    assert not lock.vouches("other[1]", keys[0])
    assert not Lock({}, {}, {}, families={"fit": FamilyEntry(keys[0], ())}).vouches("fit[1]", keys[0])


def test_an_instance_without_a_line_of_what_it_wrote_is_not_vouched_for() -> None:
    keys = sorted(map(digest, ("a", "b")))
    artifact = Artifact(digest("o"), digest("b"), 1, "json")
    entry = FamilyEntry(digest("code"), tuple((key, artifact) for key in keys), (), (Input("data/a", digest(1)),), (
        (keys[0], (ProductFile("out/a", digest(1), 1), ProductFile("out/b", digest(2), 1, True))), (keys[1], (ProductFile("out/c", digest(3), 1),))))
    text = lockfile.dumps(Lock({}, {}, {}, families={"fit": entry}))
    assert lockfile.loads(text).families["fit"] == entry
    assert Lock({}, {}, {}, families={"fit": entry}).products_of("fit")[2].path == "out/c"
    for line in ('"out/a" = ', '"out/b" = '):
        kept = "".join(each for each in text.splitlines(True) if not each.startswith(line))
        assert [key for key, _ in lockfile.loads(kept).families["fit"].instances] == keys[1:]
        assert [key for key, _ in lockfile.loads(kept + "# by hand\n").families["fit"].instances] == keys[1:]
    moved = text.replace(f'"out/c" = {{ key = "{keys[1]}"', f'"out/c" = {{ key = "{keys[0]}"')
    assert lockfile.loads(moved).families["fit"] == entry._replace(instances=(), products=())
