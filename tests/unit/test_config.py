"""Settings: where they are found, what is refused and how, which place each comes from."""
from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path
from typing import Any, Dict

import pytest

from deepwatch_flow import config as configuration
from deepwatch_flow._compat import toml_loads
from deepwatch_flow.config import SETTINGS, Config, find_root, load, parse_override
from deepwatch_flow.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parents[2] / "deepwatch.toml.example"


def project(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / {"toml": "deepwatch.toml", "pyproject": "pyproject.toml", "pipeline": "pipeline.py"}[name]).write_text(text)
    return str(folder)


def refused(folder: Path, text: str, *environ: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(project(folder, toml=text), dict(environ))
    assert caught.value.hint
    return caught.value


# -- the root -------------------------------------------------------------------------------------

@pytest.mark.parametrize("mark", [{"toml": ""}, {"pyproject": "[tool.deepwatch]\n"}, {"pipeline": ""},
                                  {"pyproject": "tool.deepwatch.jobs = 2"}])
def test_each_mark_makes_the_nearest_folder_upwards_the_root(tmp_path: Path, mark: Dict[str, str]) -> None:
    project(tmp_path, pipeline="")
    inner = tmp_path / "inner"
    deep = inner / "a" / "b"
    deep.mkdir(parents=True)
    assert find_root(str(deep)) == str(tmp_path)
    project(inner, **mark)
    assert find_root(str(deep)) == str(inner)


def test_a_pyproject_of_somebody_else_marks_nothing_and_need_not_even_be_valid(tmp_path: Path) -> None:
    project(tmp_path, pipeline="")
    for name, text in {"a": "[tool.black]\n", "b": "this is not toml", "c": '[project]\ndependencies = ["deepwatch-flow"]\n'}.items():
        (tmp_path / name).mkdir()
        assert find_root(project(tmp_path / name, pyproject=text)) == str(tmp_path)


def test_a_module_of_a_package_called_pipeline_marks_no_project(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    project(package, pipeline="")
    (package / "__init__.py").write_text("")
    assert find_root(project(tmp_path, toml="")) == str(tmp_path)
    assert find_root(str(package)) == str(tmp_path)


def test_without_any_mark_the_start_is_the_root_with_the_defaults(tmp_path: Path) -> None:
    config = load(str(tmp_path), {})
    assert config == Config(str(tmp_path), sources=config.sources)
    assert set(config.sources.values()) == {"default"}


def test_the_root_is_absolute_when_the_start_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(".", {}).root == os.getcwd()


# -- values ---------------------------------------------------------------------------------------

ALL = """
pipeline = "flows/main.py"
jobs = 3
packages = "minor"
store = "state"
[package-policy]
Foo_Bar = "ignore"
[steps.clean.params]
max_minutes = 90
[steps."2024/über.x".params]
day = 2024-01-31
[plugins]
modules = ["one.two", "three"]
"""


@pytest.mark.parametrize("file", ["toml", "pyproject"])
def test_both_files_take_every_setting(tmp_path: Path, file: str) -> None:
    text = ALL
    if file == "pyproject":
        text = re.sub(r"^\[", "[tool.deepwatch.", "[tool.deepwatch]" + ALL, flags=re.MULTILINE).replace(
            "[tool.deepwatch.tool.deepwatch]", "[tool.deepwatch]")
    (tmp_path / {"toml": "deepwatch.toml", "pyproject": "pyproject.toml"}[file]).write_text(text, encoding="utf-8")
    config = load(str(tmp_path), {})
    assert config[:8] == (str(tmp_path), "flows/main.py", 3, "minor", {"foo-bar": "ignore"},
                          {"clean": {"max_minutes": 90}, "2024/über.x": {"day": dt.date(2024, 1, 31)}},
                          ("one.two", "three"), "state")
    assert config.sources["steps.clean.params.max_minutes"] == config.sources["jobs"] \
        == {"toml": "deepwatch.toml", "pyproject": "pyproject.toml"}[file]
    made = config.boundary
    assert (made.root, made.packages, made.overrides) == (str(tmp_path), "minor", {"foo-bar": "ignore"})


def test_settings_in_both_files_are_refused_and_in_one_of_them_are_not(tmp_path: Path) -> None:
    project(tmp_path, pyproject="[tool.black]\n")
    assert load(project(tmp_path, toml="jobs = 2"), {}).jobs == 2
    project(tmp_path, pyproject="[tool.deepwatch]\njobs = 3\n")
    with pytest.raises(ConfigError, match=r"both deepwatch\.toml and .*pyproject\.toml"):
        load(str(tmp_path), {})


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    (tmp_path / "deepwatch.toml").write_bytes(b"\xef\xbb\xbfjobs = 2\r\nstore = \"x\"\r\n")
    assert load(str(tmp_path), {})[2] == 2


def test_the_environment_wins_over_the_file_and_says_so(tmp_path: Path) -> None:
    config = load(project(tmp_path, toml='jobs = 2\nstore = "a"'), {"DEEPWATCH_JOBS": "5", "DEEPWATCH_STORE": ""})
    assert (config.jobs, config.store) == (5, "a")
    assert (config.sources["jobs"], config.sources["store.folder"]) == ("DEEPWATCH_JOBS", "deepwatch.toml")


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
def test_a_bad_environment_variable_is_named(tmp_path: Path, value: str) -> None:
    assert "DEEPWATCH_JOBS" in refused(tmp_path, "", ("DEEPWATCH_JOBS", value)).message


def test_the_tables_store_and_remote(tmp_path: Path) -> None:
    text = """[store]
folder = "state"
remote = "s3://b/p"
sign_with = "env:KEY"
trust = "remote"
link = "hardlink"
codecs = { "pandas.*" = "parquet" }
[remote]
mode = "read"
"""
    config = load(project(tmp_path, toml=text), {})
    assert config.store == "state"
    assert config.storing == ("s3://b/p", "read", "env:KEY", "remote", "hardlink", {"pandas.*": "parquet"})
    config = load(str(tmp_path), {"DEEPWATCH_STORE": "a", "DEEPWATCH_REMOTE": "file:///x", "DEEPWATCH_REMOTE_MODE": "off"})
    assert (config.store, config.storing.remote, config.storing.mode, config.storing.trust) == ("a", "file:///x", "off", "remote")
    assert (config.sources["store.folder"], config.sources["remote.mode"]) == ("DEEPWATCH_STORE", "DEEPWATCH_REMOTE_MODE")
    assert (config.sources["store.link"], config.sources["store.remote"]) == ("deepwatch.toml", "DEEPWATCH_REMOTE")


# -- what is refused --------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "key", "meant"), [
    ("job = 2", "job", "`jobs`"),
    ("package_policy = {}", "package_policy", "`package-policy`"),
    ("[step.clean.params]\na = 1", "step", "`steps`"),
    ("[steps.clean.parms]\na = 1", "steps.clean.parms", "`params`"),
    ("[steps.clean]\nmax_minutes = 1", "steps.clean.max_minutes", "[steps.clean.params]"),
    ("[plugins]\nmodule = []", "plugins.module", "`modules`"),
    ("zzz = 1", "zzz", "jobs"),
])
def test_an_unknown_setting_is_named_with_its_file_and_what_was_meant(tmp_path: Path, text: str, key: str, meant: str) -> None:
    error = refused(tmp_path, text)
    assert error.message == f"deepwatch.toml: there is no setting `{key}`"
    assert meant in str(error.hint)


@pytest.mark.parametrize(("text", "key", "expected", "got"), [
    ('jobs = "2"', "jobs", "an integer", "a string ('2')"),
    ("jobs = true", "jobs", "an integer", "a boolean"),
    ("jobs = 2.0", "jobs", "an integer", "a float"),
    ("pipeline = 3", "pipeline", "a string", "an integer"),
    ("packages = []", "packages", "a string", "an array"),
    ("steps = 1", "steps", "a table", "an integer"),
    ("steps.clean = 1", "steps.clean", "a table", "an integer"),
    ("steps.clean.params = [1]", "steps.clean.params", "a table", "an array"),
    ("package-policy = 'exact'", "package-policy", "a table", "a string"),
    ("package-policy.numpy = 1", "package-policy.numpy", "a string", "an integer"),
    ("plugins = ['a']", "plugins", "a table", "an array"),
    ("plugins.modules = 'a'", "plugins.modules", "an array of strings", "a string"),
    ("plugins.modules = [1]", "plugins.modules", "a string", "an integer"),
    ("store = 2024-01-01", "store", "a string or a table", "a date"),
    ("store.remote = 1", "store.remote", "a string", "an integer"),
    ("store.codecs = 'x'", "store.codecs", "a table", "a string"),
    ("remote = 's3://x'", "remote", "a table", "a string"),
])
def test_a_wrong_type_is_told_with_key_expected_and_got(tmp_path: Path, text: str, key: str, expected: str, got: str) -> None:
    message = refused(tmp_path, text).message
    assert message.startswith(f"deepwatch.toml: `{key}` must be {expected}, got {got}")


@pytest.mark.parametrize(("text", "said"), [
    ("jobs = 0", "1 or more"),
    ('packages = "exakt"', "one of exact, minor, ignore"),
    ('package-policy.numpy = "major"', "`package-policy.numpy` must be one of"),
    ('[package-policy]\nFoo-Bar = "exact"\nfoo_bar = "minor"', "twice"),
    ('pipeline = ""', "empty"),
    ('pipeline = "a\\u0000b"', "control"),
    ('pipeline = "../pipeline.py"', "inside the project"),
    ('pipeline = "/pipeline.py"', "inside the project"),
    ('plugins.modules = ["my-plugin.py"]', "no module name"),
    ('store = "."', "must not be the project's folder"),
    ('store = "a/../.."', "must not be the project's folder"),
    ('store = "/"', "must not be the project's folder"),
    ('store.trust = "all"', "one of signed, remote"),
    ('store.link = "move"', "one of copy, reflink, hardlink"),
    ('remote.mode = "write"', "one of read-write, read, off"),
    ('store.sign_with = "s3cr3t"', "must name an environment variable"),
    ("jobs = ", "not valid TOML"),
    ("a = 1\na = 2", "not valid TOML"),
    ("a = " + "[" * 20_000, "deepwatch.toml"),
])
def test_a_value_that_can_not_work_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text).message


def test_the_policy_that_was_meant_is_proposed(tmp_path: Path) -> None:
    assert refused(tmp_path, 'packages = "exakt"').hint == "did you mean `exact`?"


def test_a_toml_error_names_file_and_line(tmp_path: Path) -> None:
    message = refused(tmp_path, "jobs = 1\nstore = .x\n").message
    assert str(tmp_path / "deepwatch.toml") in message
    assert "line 2" in message


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deepwatch.toml").write_bytes('store = "é"'.encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(str(tmp_path), {})


# -- --set ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "value"), [
    ("90", 90), ("0.1", 0.1), ("true", True), ("[1, 2]", [1, 2]), ('{a = "b"}', {"a": "b"}), ('"90"', "90"), ("'a b'", "a b"),
    ("2024-01-31", dt.date(2024, 1, 31)), ("-5", -5), ("1_000", 1000),
    ("fast", "fast"), ("a b", "a b"), ("", ""), ("007", "007"), ("a=b", "a=b"), ("data/x.csv", "data/x.csv"), ("[1,", "[1,"),
    ("1\nb = 2", "1\nb = 2"), ("True", True), ("False", False), ("None", None), ('"True"', "True"),
])
def test_a_value_of_set_is_toml_or_else_text(text: str, value: object) -> None:
    step, param, parsed = parse_override(f"clean.max_minutes={text}")
    assert (step, param, parsed) == ("clean", "max_minutes", value)
    assert type(parsed) is type(value)


@pytest.mark.parametrize(("text", "step", "param"), [
    ("a.b=1", "a", "b"), ("a.b.c=1", "a.b", "c"), ("x=y.b=1", "x=y", "b"), ("2024/ü x.lr = 1", "2024/ü x", "lr"), ("a.b=c.d=1", "a", "b"),
])
def test_step_names_may_hold_dots_and_equals_signs(text: str, step: str, param: str) -> None:
    assert parse_override(text)[:2] == (step, param)


@pytest.mark.parametrize("text", ["", "clean", "clean=1", "clean.x", ".x=1", "clean.=1", "clean.1x=1", "="])
def test_a_set_of_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"STEP\.PARAM=VALUE") as caught:
        parse_override(text)
    assert "clean.max_minutes=90" in str(caught.value.hint)


def test_set_wins_over_the_file_the_last_wins_over_the_first_and_the_rest_stays(tmp_path: Path) -> None:
    project(tmp_path, toml="[steps.clean.params]\na = 1\nb = 2")
    config = load(str(tmp_path), {}, ["clean.a=3", "clean.a=4", "model.lr=0.5"])
    assert config.params == {"clean": {"a": 4, "b": 2}, "model": {"lr": 0.5}}
    assert config.sources["steps.clean.params.a"] == "--set"
    assert config.sources["steps.clean.params.b"] == "deepwatch.toml"


# -- the example ----------------------------------------------------------------------------------

def test_the_example_holds_every_setting_and_is_valid(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert set(toml_loads(text)) == set(SETTINGS)
    assert all(variable in text for variable in configuration.VARIABLES)
    assert all(f'"{policy}"' in text for policy in configuration.POLICIES)
    assert load(project(tmp_path, toml=text), {}).params["clean"]["max_minutes"] == 90


def test_where_the_example_shows_a_default_it_is_the_default(tmp_path: Path) -> None:
    shown = load(project(tmp_path, toml=EXAMPLE.read_text(encoding="utf-8")), {})
    default = Config(shown.root)
    assert (shown.pipeline, shown.jobs, shown.packages, shown.store) == (
        default.pipeline, default.jobs, default.packages, default.store)
