"""Installed distributions, from their metadata folders alone."""
from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, Optional

import pytest

from deepwatch_flow.loading.distributions import Distribution, Shelf, normalise, top_name


def install(site: Path, info: str, files: Iterable[str] = (), **metadata: str) -> None:
    folder = site / info
    folder.mkdir(parents=True)
    for file in files:
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    texts: Dict[str, str] = {"RECORD": "".join(f"{file},sha256=x,0\n" for file in files) + f"{info}/RECORD,,\n", **metadata}
    for name, text in texts.items():
        if text:
            (folder / {"top_level": "top_level.txt", "direct_url": "direct_url.json",
                       "installed_files": "installed-files.txt"}.get(name, name)).write_text(text)


def owner(site: Path, relative: str) -> Optional[str]:
    found = Shelf(str(site)).owner(relative)
    return found.name if found is not None else None


@pytest.mark.parametrize(("name", "normal"), [("Foo_Bar", "foo-bar"), ("foo.-_bar", "foo-bar"), ("FOO", "foo")])
def test_names_compare_as_pep_503_says(name: str, normal: str) -> None:
    assert normalise(name) == normal


@pytest.mark.parametrize(("path", "top"), [("a/b.py", "a"), ("a.py", "a"), ("a.cpython-311-x86_64-linux-gnu.so", "a")])
def test_the_top_name_of_a_path(path: str, top: str) -> None:
    assert top_name(path) == top


@pytest.mark.parametrize("kind", ["record", "top_level", "name"])
def test_a_package_is_owned_by_what_record_or_top_level_or_at_least_the_name_tells(tmp_path: Path, kind: str) -> None:
    site = tmp_path / "site-packages"
    files = ["my_tool/__init__.py", "my_tool/deep/x.py"]
    if kind == "name":
        install(site, "My.Tool-1.2.dist-info", RECORD="")
    else:
        install(site, "My.Tool-1.2.dist-info", files, **({"RECORD": "", "top_level": "my_tool\n"} if kind == "top_level" else {}))
    assert owner(site, "my_tool/deep/x.py") == "my-tool"
    assert owner(site, "other/x.py") is None
    assert Shelf(str(site)).named("my-tool").version == "1.2"  # type: ignore[union-attr]


@pytest.mark.parametrize("file", ["oddname.py", "oddname/__init__.py", "oddname.cpython-311-x86_64-linux-gnu.so"])
def test_a_module_of_another_name_than_its_distribution_is_found(tmp_path: Path, file: str) -> None:
    install(tmp_path, "unrelated-2.0.dist-info", ["unrelated/__init__.py", file])
    install(tmp_path, "other-1.0.dist-info", ["other.py", "oddnames.py", "sub/oddname.py"])
    assert owner(tmp_path, file) == "unrelated"
    assert owner(tmp_path, "sub/oddname.py") == "other"


def test_a_loose_module_belongs_to_nobody_even_with_a_name_that_begins_alike(tmp_path: Path) -> None:
    install(tmp_path, "tools-1.0.dist-info", ["tools.py", "toolsmith/__init__.py"])
    (tmp_path / "tool.py").write_text("")
    assert owner(tmp_path, "tool.py") is None


def test_an_incomplete_top_level_does_not_hide_what_record_lists(tmp_path: Path) -> None:
    install(tmp_path, "dist-1.0.dist-info", ["dist.py", "extra.py"], top_level="dist\n")
    assert owner(tmp_path, "extra.py") == "dist"


def test_a_namespace_is_shared_and_record_decides(tmp_path: Path) -> None:
    install(tmp_path, "google_a-1.dist-info", ["google/a/__init__.py", "google/cloud/a/__init__.py"])
    install(tmp_path, "google_b-2.dist-info", ["google/b/__init__.py", "google/cloud/b/__init__.py"])
    install(tmp_path, "google-3.dist-info", ["google/c.py"])
    (tmp_path / "google" / "b" / "made_later.py").write_text("")
    for path, name in {"google/a/__init__.py": "google-a", "google/cloud/b/__init__.py": "google-b", "google/c.py": "google",
                       "google/b/made_later.py": "google-b", "google/cloud/a/x.py": "google-a"}.items():
        assert owner(tmp_path, path) == name


def test_paths_of_windows_and_quoted_ones_are_understood(tmp_path: Path) -> None:
    install(tmp_path, "win-1.dist-info", RECORD="odd\\__init__.py,sha256=x,1\nodd\\a.py,,\n")
    install(tmp_path, "quoted-1.dist-info", RECORD='"strange/a,b.txt",sha256=x,1\n')
    assert owner(tmp_path, "odd/a.py") == "win"
    assert owner(tmp_path, "strange/x.py") == "quoted"
    assert Distribution(str(tmp_path / "win-1.dist-info"), "win", "1").record() == {"odd/__init__.py", "odd/a.py"}


def test_scripts_outside_of_the_folder_are_not_modules_of_it(tmp_path: Path) -> None:
    install(tmp_path, "d-1.dist-info", RECORD="../../../bin/run.py,,\n/etc/run.py,,\nd.py,,\n")
    assert Shelf(str(tmp_path)).distributions[0].record() == {"d.py"}
    assert owner(tmp_path, "run.py") is None


def test_egg_infos_count_in_a_site_folder_only(tmp_path: Path) -> None:
    site, tree = tmp_path / "site-packages", tmp_path / "tree"
    for folder in (site, tree):
        install(folder, "old-1.5-py3.8.egg-info", RECORD="", installed_files="../old/__init__.py\n../other.py\nPKG-INFO\n")
        install(folder, "alone.egg-info", RECORD="", PKG_INFO="")
        (folder / "alone.egg-info" / "PKG-INFO").write_text("Name: alone\nVersion: 3.1\n")
    shelf = Shelf(str(site))
    assert shelf.owner("other.py").name == "old"  # type: ignore[union-attr]
    assert shelf.named("old").version == "1.5"  # type: ignore[union-attr]
    assert shelf.named("alone").version == "3.1"  # type: ignore[union-attr]
    assert Shelf(str(tree)).distributions == ()


def test_an_egg_folder_is_one_distribution(tmp_path: Path) -> None:
    egg = tmp_path / "thing-0.3-py3.8.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    found = Shelf(str(egg)).owner("whatever.py")
    assert (found.name, found.version) == ("thing", "0.3")  # type: ignore[union-attr]


@pytest.mark.parametrize(("text", "editable"), [
    ('{"dir_info": {"editable": true}, "url": "file:///x"}', True), ('{"dir_info":{"editable":true}}', True),
    ('{"dir_info": {"editable": false}}', False), ('{"dir_info": {}, "url": "file:///editable/true"}', False), ("", False)])
def test_editable_is_what_pep_610_says(tmp_path: Path, text: str, editable: bool) -> None:
    install(tmp_path, "d-1.dist-info", direct_url=text)
    assert Shelf(str(tmp_path)).distributions[0].editable is editable


def test_leftovers_of_installers_do_not_count_and_the_newest_of_two_versions_does(tmp_path: Path) -> None:
    for info in ("d-1.9.dist-info", "d-1.10.dist-info", "d-1.2.dist-info", "~d-9.dist-info"):
        install(tmp_path, info, ["d.py"])
    assert Shelf(str(tmp_path)).named("d").version == "1.10"  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ["1.0", "2!1.0rc1.post2.dev3+local.1"])
def test_versions_come_from_the_folders_name(tmp_path: Path, version: str) -> None:
    install(tmp_path, f"d-{version}.dist-info")
    assert Shelf(str(tmp_path)).named("d").version == version  # type: ignore[union-attr]


def test_an_entry_that_is_no_folder_has_no_distributions(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"")
    assert Shelf(str(tmp_path / "x.zip")).owner("a.py") is None
    assert Shelf(str(tmp_path / "missing")).named("a") is None


def test_a_name_that_tells_its_distribution_needs_no_other_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    plain = Distribution.read

    def spying(self: Distribution, file: str) -> str:
        read.append((self.name, file))
        return plain(self, file)

    for name in ("a", "b", "c"):
        install(tmp_path, f"{name}-1.dist-info", [f"{name}/__init__.py"])
    monkeypatch.setattr(Distribution, "read", spying)
    assert owner(tmp_path, "b/__init__.py") == "b"
    assert {name for name, _ in read} == {"b"}
