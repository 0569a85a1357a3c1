"""What one has run, another gets from the remote: what is fetched, what is believed, what happens when it fails."""
from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from conftest import other_pythons
from deepwatch_flow._compat import toml_loads
from remote_places import KEY, Place, free_port, http_server, need, s3_server

STEPS = """
    from deepwatch_flow import step

    @step
    def rows():
        return list(range(50))

    @step
    def total(rows):
        return sum(rows)

    @step
    def squares(rows):
        return [row * row for row in rows]

    @step
    def report(total, squares):
        return {"total": total, "most": max(squares)}
    """
_numbers = itertools.count()
#: for what has to hold at a real server; the rest is asked of a folder alone
EVERYWHERE = pytest.mark.parametrize("place", ["s3", "file"], indirect=True)


@pytest.fixture(scope="module")
def s3() -> Iterator[Dict[str, str]]:
    with s3_server() as environ:
        yield environ


@pytest.fixture
def place(request: Any, tmp_path: Path) -> Place:
    need("fsspec")
    if getattr(request, "param", "file") == "file":
        return Place(f"file://{tmp_path.as_posix()}/remote", {"TEAM_KEY": KEY})
    import s3fs

    environ = request.getfixturevalue("s3")
    bucket = f"team{next(_numbers)}"
    s3fs.S3FileSystem(endpoint_url=environ["FSSPEC_S3_ENDPOINT_URL"], key="test", secret="test").mkdir(bucket)
    return Place(f"s3://{bucket}/project", {**environ, "TEAM_KEY": KEY})


class Team:
    """People with a checkout each, who share a remote."""

    def __init__(self, make: Callable[[str], Any], place: Place) -> None:
        self._make = make
        self.place = place

    def checkout(self, name: str, of: Any = None, settings: str = 'sign_with = "env:TEAM_KEY"', lock: bool = True) -> Any:
        project = self._make(name)
        project.write("deepwatch.toml", f'[store]\nremote = "{self.place.url}"\n{settings}\n')
        if of is None:
            project.write("pipeline.py", STEPS)
        else:
            shutil.copy(str(of.path("pipeline.py")), str(project.path("pipeline.py")))
            if lock:
                shutil.copy(str(of.path("deepwatch.lock")), str(project.path("deepwatch.lock")))
        return project


@pytest.fixture
def team(make_project: Any, place: Place, monkeypatch: Any) -> Team:
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    return Team(make_project, place)


@pytest.fixture
def first(team: Team) -> Any:
    """A checkout in which all was run, and sent."""
    project = team.checkout("first")
    assert len(project.run().executed) == 4
    return project


def local_blobs(project: Any) -> List[str]:
    folder = project.path(".deepwatch/objects")
    return sorted(path.parent.name + path.name for path in folder.glob("??/*"))


def blob_of(project: Any, step: str) -> str:
    """The blob that the lockfile names."""
    return str(toml_loads(project.read("deepwatch.lock"))["steps"][step]["blob"])


def at(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest[2:]}"


# -- what is sent and fetched ------------------------------------------------------------------------

def test_pulling_from_a_folder_that_is_not_there_says_so_and_does_not_make_it(team: Team, first: Any, tmp_path: Path) -> None:
    second = team.checkout("second", first)
    shutil.move(str(tmp_path / "remote"), str(tmp_path / "away"))
    done = second.cli("pull")
    assert done.code == 1 and "/remote, is not there" in done.stderr and "hint:" in done.stderr
    assert not (tmp_path / "remote").exists()
    shutil.move(str(tmp_path / "away"), str(tmp_path / "remote"))
    done = second.cli("pull")
    assert done.code == 0 and "is not there" not in done.stderr


@EVERYWHERE
def test_a_run_sends_what_it_made_and_another_checkout_runs_nothing(team: Team, first: Any) -> None:
    assert len(team.place.blobs()) == 4
    assert len(team.place.traces()) == 4
    second = team.checkout("second", first)
    assert second.run().executed == []
    assert local_blobs(second) == [blob_of(first, "report")]       # nothing else is needed by anybody
    assert second.value("report") == {"total": 1225, "most": 2401}


@EVERYWHERE
def test_another_python_runs_nothing_either(team: Team, first: Any) -> None:
    pythons = {version: program for version, program in other_pythons().items() if _has_fsspec(program, team.place.url)}
    if not pythons:
        pytest.skip("no other Python here has fsspec")
    version, program = sorted(pythons.items())[0]
    second = team.checkout(f"second{version}", first)
    done = second.run(python=program)
    assert done.executed == []
    assert local_blobs(second) == [blob_of(first, "report")]


def _has_fsspec(program: str, url: str) -> bool:
    return subprocess.run([program, "-c", f"import fsspec; fsspec.core.url_to_fs({url!r})"], stderr=subprocess.DEVNULL).returncode == 0


@EVERYWHERE
def test_only_what_the_targets_need_is_fetched(team: Team, first: Any) -> None:
    second = team.checkout("second", first)
    assert second.run("total").executed == []
    assert local_blobs(second) == [blob_of(first, "total")]
    second.edit("pipeline.py", "max(squares)", "max(squares) + 1")
    assert second.run("report").executed == ["report"]
    wanted = {blob_of(first, "total"), blob_of(first, "squares"), blob_of(second, "report")}
    assert set(local_blobs(second)) == wanted                      # not `rows`: all that consume it are fresh


@EVERYWHERE
@pytest.mark.parametrize("arguments", [["run", "--locked"], ["status", "--check"]])
def test_ci_judges_without_downloading_data(team: Team, first: Any, arguments: List[str]) -> None:
    second = team.checkout("second", first)
    done = second.cli(*arguments)
    assert (done.code, local_blobs(second)) == (0, [])
    assert "4 steps up to date" in done.stdout + done.stderr


def test_products_come_too(team: Team) -> None:
    project = team.checkout("first")
    project.write("pipeline.py", """
        from pathlib import Path
        from deepwatch_flow import Product, step

        @step
        def page(out: Path = Product("out/page.txt")):
            out.write_text("hello")
        """)
    project.run()
    second = team.checkout("second", project)
    assert second.run().outcomes == {"page": "restored"}
    assert second.read("out/page.txt") == "hello"


@EVERYWHERE
def test_pull_brings_all_and_then_nobody_is_asked(team: Team, first: Any) -> None:
    second = team.checkout("second", first)
    assert "4 blobs came" in second.cli("pull").stdout
    assert local_blobs(second) == local_blobs(first)
    again = second.cli("pull", "--json").document
    assert (again["blobs"], again["there"], again["lost"]) == (0, 4, [])
    for name in team.place.names():
        team.place.remove(name)
    assert second.run().executed == []


def test_pull_of_one_step(team: Team, first: Any) -> None:
    second = team.checkout("second", first)
    assert second.cli("pull", "squares").code == 0
    assert local_blobs(second) == [blob_of(first, "squares")]


@EVERYWHERE
def test_a_push_that_was_cut_off_goes_on(team: Team, first: Any) -> None:
    gone = team.place.names()[::2]
    for name in gone:
        team.place.remove(name)
    done = first.cli("push", "--json").document
    assert done["blobs"] + done["traces"] == len(gone)
    assert len(team.place.names()) == 8
    assert first.cli("push", "--json").document["blobs"] == 0


@pytest.mark.parametrize(("mode", "sent"), [("read", 0), ("off", 0), ("read-write", 8)])
def test_the_mode_tells_what_a_run_does(team: Team, mode: str, sent: int, monkeypatch: Any) -> None:
    monkeypatch.setenv("DEEPWATCH_REMOTE_MODE", mode)
    project = team.checkout("first")
    project.run()
    assert len(team.place.names()) == sent
    project.cli("push")
    assert len(team.place.names()) == 8
    second = team.checkout("second", project)
    assert len(second.run().executed) == (4 if mode == "off" else 0)


@EVERYWHERE
def test_a_colleague_without_the_lock_finds_an_equal_result(team: Team, first: Any) -> None:
    second = team.checkout("second", first, lock=False)
    assert second.run().executed == []
    assert second.lock == first.lock


@pytest.mark.skipif(os.name != "posix", reason="no executable files there")
def test_a_result_by_a_trace_has_all_that_it_was_seen_to_depend_on_and_its_products_as_they_were(team: Team) -> None:
    project = team.checkout("first")
    project.write("pipeline.py", """
        from pathlib import Path
        from deepwatch_flow import Product, step

        @step
        def tool(out: Path = Product("tool.sh")):
            out.write_text(open("data.txt").read())
            out.chmod(0o755)
        """)
    project.write("data.txt", "one")
    project.run()
    second = team.checkout("second", project, lock=False)
    second.write("data.txt", "one")
    assert second.run().outcomes == {"tool": "restored"}
    assert os.access(str(second.path("tool.sh")), os.X_OK)
    assert second.lock == project.lock
    third = team.checkout("third", project, lock=False)
    third.write("data.txt", "another")
    assert third.run().executed == ["tool"]


@EVERYWHERE
def test_parallel_runs_fetch_for_their_workers(team: Team, first: Any) -> None:
    second = team.checkout("second", first)
    second.edit("pipeline.py", "max(squares)", "max(squares) + 1")
    assert second.run("-j", "2").executed == ["report"]
    third = team.checkout("third", second)
    assert third.run().executed == []


# -- what is believed --------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", ["", 'trust = "signed"'])
def test_without_a_key_traces_are_neither_sent_nor_read(team: Team, settings: str) -> None:
    first = team.checkout("first", settings=settings)
    first.run()
    assert (len(team.place.blobs()), team.place.traces()) == (4, [])
    assert len(team.checkout("second", first, settings=settings, lock=False).run().executed) == 4
    assert team.checkout("third", first, settings=settings).run().executed == []      # the lock vouches


def test_traces_without_signatures_count_where_the_remote_is_trusted(team: Team) -> None:
    first = team.checkout("first", settings='trust = "remote"')
    first.run()
    assert len(team.place.traces()) == 4
    careful = team.checkout("careful", first, lock=False).run()
    assert len(careful.executed) == 4
    assert any("not signed" in each["message"] for each in careful.document["notices"])
    assert team.checkout("trusting", first, settings='trust = "remote"', lock=False).run().executed == []


def test_a_trace_of_another_key_is_not_used(team: Team, first: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("TEAM_KEY", "another key, which nobody else has")
    done = team.checkout("second", first, lock=False).run()
    assert len(done.executed) == 4
    assert any("signature" in each["message"] for each in done.document["notices"])


def test_a_signature_that_does_not_fit_is_refused_even_where_the_remote_is_trusted(team: Team, first: Any) -> None:
    for name in team.place.traces():
        payload, _, _ = team.place.read(name).partition(b"\n")
        team.place.write(name, payload + b"\nhmac-sha256:" + b"0" * 64 + b"\n")
    second = team.checkout("second", first, lock=False, settings='sign_with = "env:TEAM_KEY"\ntrust = "remote"')
    assert len(second.run().executed) == 4


@EVERYWHERE
def test_a_forged_trace_is_never_unpickled(team: Team, first: Any, tmp_path: Path) -> None:
    """A stranger who can write to the remote has a trace tell of a blob that does something."""
    import pickle

    from deepwatch_flow.hashing.digest import digest_bytes

    mark = tmp_path / "unpickled"
    evil = pickle.dumps(_Evil(str(mark)))
    team.place.write(at(digest_bytes(evil)), evil)
    for name in team.place.traces():
        payload, _, signature = team.place.read(name).partition(b"\n")
        document = json.loads(payload.decode())
        document["entry"].update(blob=digest_bytes(evil), size=len(evil), codec="pickle")
        forged = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        folder = name.rpartition("/")[0]
        team.place.remove(name)
        team.place.write(f"{folder}/{digest_bytes(forged)}", forged + b"\n" + signature)
    second = team.checkout("second", first, settings='sign_with = "env:TEAM_KEY"\n[remote]\nmode = "read"', lock=False)
    done = second.run()
    assert len(done.executed) == 4
    assert any("signature" in each["message"] for each in done.document["notices"])
    assert second.value("total") == 1225
    assert not mark.exists()
    # the same remote, trusted without a key: so the attack is a real one
    third = team.checkout("third", first, settings='trust = "remote"', lock=False)
    third.run("report")
    third.cli("show", "report")
    assert mark.exists()


class _Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


@EVERYWHERE
def test_names_from_the_remote_never_lead_anywhere(team: Team, first: Any) -> None:
    name = team.place.traces()[0]
    folder, _, _ = name.rpartition("/")
    team.place.write(f"{folder}/not-a-digest", b"{}")
    team.place.write("objects/ab/..%2f..%2fetc", b"x")
    team.place.write("objects/readme.txt", b"x")
    assert team.checkout("second", first, lock=False).run().executed == []


# -- what is damaged ---------------------------------------------------------------------------------

def corrupted(place: Place, name: str) -> None:
    data = place.read(name)
    place.write(name, bytes([data[0] ^ 1]) + data[1:])


def truncated(place: Place, name: str) -> None:
    place.write(name, place.read(name)[:-1])


def emptied(place: Place, name: str) -> None:
    place.write(name, b"")


def missing(place: Place, name: str) -> None:
    place.remove(name)


@EVERYWHERE
@pytest.mark.parametrize("harm", [corrupted, truncated, emptied, missing])
def test_a_damaged_blob_is_told_and_its_step_runs(team: Team, first: Any, harm: Callable[[Place, str], None]) -> None:
    digest = blob_of(first, "report")
    harm(team.place, at(digest))
    second = team.checkout("second", first)
    done = second.run()
    assert done.executed == ["report"]
    told = [each["message"] for each in done.document["notices"]]
    assert harm is missing or [text for text in told if digest in text and team.place.url in text and "damaged" in text]
    assert second.value("report") == {"total": 1225, "most": 2401}
    # what it made again it put in the place of the bad one
    third = team.checkout("third", first)
    assert third.run().executed == []
    assert third.run().document["notices"] == []


def test_a_damaged_blob_that_is_needed_on_the_way(team: Team, first: Any) -> None:
    corrupted(team.place, at(blob_of(first, "squares")))
    second = team.checkout("second", first)
    second.edit("pipeline.py", "max(squares)", "max(squares) + 1")
    assert second.run().executed == ["squares", "report"]


def test_pull_tells_what_it_could_not_get(team: Team, first: Any) -> None:
    digest = blob_of(first, "rows")
    corrupted(team.place, at(digest))
    second = team.checkout("second", first)
    done = second.cli("pull", "--json")
    assert (done.code, done.document["lost"], done.document["blobs"]) == (1, [digest], 3)
    assert digest in done.stderr


def test_a_damaged_trace_is_told_and_not_used(team: Team, first: Any) -> None:
    for name in team.place.traces():
        truncated(team.place, name)
        team.place.write(name, team.place.read(name)[10:])
    done = team.checkout("second", first, lock=False).run()
    assert len(done.executed) == 4
    assert any("are not used" in each["message"] for each in done.document["notices"])


# -- what does not answer ----------------------------------------------------------------------------

def test_an_unreachable_remote_is_told_once_and_the_run_goes_on(make_project: Any, monkeypatch: Any) -> None:
    need("fsspec", "s3fs")
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-mine")
    project = make_project("alone")
    project.write("pipeline.py", STEPS)
    project.write("deepwatch.toml", '[store]\nremote = "s3://user:pass-word@bucket/x"\ntrust = "remote"\n')
    done = project.run()
    assert len(done.executed) == 4
    (notice,) = done.document["notices"]
    assert "can't be used" in notice["message"]
    assert "going on without it" in notice["message"]
    assert project.run().executed == []
    refused = project.cli("push")
    assert refused.code == 6
    shown = project.cli("config").stdout
    for text in (done.stdout, done.stderr, refused.stderr, project.lock.decode(), shown):
        assert "pass-word" not in text
        assert "a-secret-of-mine" not in text


def test_a_missing_library_is_told_and_the_run_goes_on(make_project: Any) -> None:
    need("fsspec")
    project = make_project("alone")
    project.write("pipeline.py", STEPS)
    project.write("deepwatch.toml", '[store]\nremote = "nowhere://bucket/x"\n')
    done = project.run()
    assert len(done.executed) == 4
    assert len(done.document["notices"]) == 1
    assert project.cli("pull").code == 2


def test_push_without_a_remote(project: Any) -> None:
    project.write("pipeline.py", STEPS)
    done = project.cli("push")
    assert done.code == 2
    assert "has no remote" in done.stderr


def test_a_key_that_can_be_guessed_is_refused(make_project: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("TEAM_KEY", "secret")
    project = make_project("alone")
    project.write("pipeline.py", STEPS)
    project.write("deepwatch.toml", f'[store]\nremote = "file://{tmp_path.as_posix()}/r"\nsign_with = "env:TEAM_KEY"\n')
    done = project.cli("run")
    assert done.code == 2
    assert "TEAM_KEY" in done.stderr


def test_a_web_server_gives_what_the_lock_names(make_project: Any, tmp_path: Path) -> None:
    need("fsspec", "aiohttp")
    remote = tmp_path / "remote"
    first = make_project("first")
    first.write("pipeline.py", STEPS)
    first.write("deepwatch.toml", f'[store]\nremote = "file://{remote.as_posix()}"\n')
    first.run()
    with http_server(remote) as url:
        second = make_project("second")
        second.write("pipeline.py", STEPS)
        second.write("deepwatch.toml", f'[store]\nremote = "{url}"\n[remote]\nmode = "read"\n')
        shutil.copy(str(first.path("deepwatch.lock")), str(second.path("deepwatch.lock")))
        assert second.run().executed == []
        assert len(local_blobs(second)) == 1
        assert second.cli("push").code == 2


def test_nothing_of_a_remote_is_loaded_where_nothing_is_asked_of_it(make_project: Any, tmp_path: Path) -> None:
    project = make_project("quiet")
    project.write("pipeline.py", STEPS + "\n    import sys\n    print('loaded', 'fsspec' in sys.modules, file=sys.stderr)\n")
    project.write("deepwatch.toml", f'[store]\nremote = "file://{tmp_path.as_posix()}/r"\n[remote]\nmode = "off"\n')
    assert "loaded False" in project.cli("run").stderr
