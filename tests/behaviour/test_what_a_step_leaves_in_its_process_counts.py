"""A step that uses what an earlier one of its process has read counts as having read that, too."""
from __future__ import annotations

import os
from typing import Any

import pytest

PIPELINE = """
    import collections, configparser, contextvars, functools, linecache, os, sqlite3, threading
    from deepwatch_flow import Each, step
    import kept

    @step
    def first():
        open("of_first.txt").read()
        return USE

    @step
    def second():
        return [USE]

    @step
    def apart():
        return len(kept.TABLE)
    """

#: what keeps what was read, in a module, and how a step uses it
WAYS = {
    "a cache": ("@functools.lru_cache()\ndef load(name):\n    return read(name)", 'kept.load("data.txt")'),
    "a cache of a method": ("class Loader:\n    @staticmethod\n    @functools.lru_cache(None)\n    def load():\n        return read('data.txt')",
                            "kept.Loader.load()"),
    "a cache behind a cache": ("@functools.lru_cache(None)\ndef inner():\n    return read('data.txt')\n"
                               "@functools.lru_cache(None)\ndef load():\n    return inner()", "[kept.inner(), kept.load()][1]"),
    "a global": ("_TEXT = None\ndef load():\n    global _TEXT\n    if _TEXT is None:\n        _TEXT = read('data.txt')\n    return _TEXT",
                 "kept.load()"),
    "a dictionary": ("_TEXTS = {}\ndef load(name):\n    if name not in _TEXTS:\n        _TEXTS[name] = read(name)\n    return _TEXTS[name]",
                     'kept.load("data.txt")'),
    "a cached property": ("class Settings:\n    @functools.cached_property\n    def text(self):\n        return read('data.txt')\nsettings = Settings()",
                          "kept.settings.text"),
    "an attribute": ("class Settings:\n    text = None\n    def load(self):\n        self.text = self.text or read('data.txt')\n"
                     "        return self.text\nsettings = {'x': [Settings()]}", "kept.settings['x'][0].load()"),
    "a class": ("class Settings:\n    text = None\n    @classmethod\n    def load(cls):\n        cls.text = cls.text or read('data.txt')\n"
                "        return cls.text", "kept.Settings.load()"),
    "a closure": ("def make():\n    texts = {}\n    def load(name):\n        if name not in texts:\n            texts[name] = read(name)\n"
                  "        return texts[name]\n    return load\nload = make()", 'kept.load("data.txt")'),
    "a default": ("def load(name, texts={}):\n    if name not in texts:\n        texts[name] = read(name)\n    return texts[name]",
                  'kept.load("data.txt")'),
    "a function": ("def load():\n    if not hasattr(load, 'text'):\n        load.text = read('data.txt')\n    return load.text", "kept.load()"),
    "a thread's own": ("local = threading.local()\ndef load():\n    if not hasattr(local, 'text'):\n        local.text = read('data.txt')\n"
                       "    return local.text", "kept.load()"),
    "a context variable": ("var = contextvars.ContextVar('var', default=None)\ndef load():\n    if var.get() is None:\n"
                           "        var.set(read('data.txt'))\n    return var.get()", "kept.load()"),
    "an open file": ("_FILE = None\ndef load():\n    global _FILE\n    _FILE = _FILE or open('data.txt')\n    _FILE.seek(0)\n"
                     "    return _FILE.read()", "kept.load()"),
    "lines for tracebacks": ("def load():\n    return linecache.getline('data.txt', 1)", "kept.load()"),
    "a name made at run time": ("def load(name='TE'):\n    if name + 'XT' not in globals():\n        globals()[name + 'XT'] = read('data.txt')\n"
                                "    return globals()[name + 'XT']", "kept.load()"),
}


def prepared(project: Any, way: str) -> Any:
    text, use = WAYS[way]
    project.write("pipeline.py", PIPELINE.replace("USE", use))
    project.write("kept.py", "import contextvars\nimport functools\nimport linecache\nimport threading\n\nTABLE = [1]\n\n"
                             "def read(name):\n    with open(name) as file:\n        return file.read()\n\n" + text + "\n")
    project.write("data.txt", "1\n")
    project.write("of_first.txt", "1\n")
    return project


@pytest.mark.filterwarnings("ignore:unclosed file")
@pytest.mark.parametrize("way", WAYS)
def test_what_was_read_for_an_earlier_step_counts_for_the_next_that_gets_it(project: Any, way: str) -> None:
    prepared(project, way)
    assert project.run().executed == ["first", "second", "apart"]
    assert project.run().executed == []
    project.write("data.txt", "2\n")
    assert project.run().executed == ["first", "second"]
    assert project.value("second") == ["2\n"]


@pytest.mark.parametrize("way", ["a cache", "a global", "a cached property"])
def test_what_an_earlier_step_read_besides_does_not_count(project: Any, way: str) -> None:
    prepared(project, way)
    project.run()
    project.write("of_first.txt", "2\n")
    assert project.run().executed == ["first"]


def test_it_counts_in_a_worker_process_too(project: Any) -> None:
    prepared(project, "a global")
    project.write("deepwatch.toml", 'executor = "processes"\n')
    assert project.run().executed == ["first", "second", "apart"]
    project.write("data.txt", "2\n")
    assert project.run().executed == ["first", "second"]
    assert project.value("second") == ["2\n"]


def test_what_a_failed_step_left_counts(project: Any) -> None:
    prepared(project, "a cache")
    project.edit("pipeline.py", "return kept.load", "raise ValueError(kept.load")
    project.edit("pipeline.py", '"data.txt")\n', '"data.txt"))\n')
    assert project.run(code=1).outcomes == {"first": "failed", "second": "ran", "apart": "ran"}
    project.write("data.txt", "2\n")
    assert project.run(code=1).outcomes == {"first": "failed", "second": "ran", "apart": "reused"}


def test_each_instance_counts_for_its_own_file_and_all_for_what_they_share(project: Any) -> None:
    project.write("pipeline.py", """
        import functools
        from deepwatch_flow import Each, step

        _LIMIT = None

        def limit():
            global _LIMIT
            if _LIMIT is None:
                _LIMIT = open("limit.txt").read()
            return _LIMIT

        @functools.lru_cache()
        def names():
            return open("names.txt").read()

        @step
        def score(part=Each(["a", "b", "c"])):
            return open(part + ".txt").read() + limit() + names()
        """)
    for name in ("a", "b", "c", "limit", "names"):
        project.write(name + ".txt", "1")
    every = ["score[a]", "score[b]", "score[c]"]
    assert project.run().executed == every
    project.write("b.txt", "2")
    assert project.run().executed == ["score[b]"]
    for shared in ("limit.txt", "names.txt"):
        project.write(shared, "2")
        assert project.run().executed == every


def test_a_dictionary_that_many_steps_fill_is_put_back_now_and_then(project: Any) -> None:
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step

        TEXTS = {"x": "the first"}

        def load(name):
            if name not in TEXTS:
                TEXTS[name] = open(name).read()
            return TEXTS[name]

        @step
        def score(part=Each([str(number) for number in range(40)])):
            return [load(part + ".txt"), len(TEXTS), TEXTS["x"]]
        """)
    for number in range(40):
        project.write(f"{number}.txt", "1")
    project.run()
    assert max(project.value(f"score[{number}]")[1] for number in range(40)) <= 18
    assert project.value("score[39]")[2] == "the first"
    project.write("39.txt", "2")
    assert project.run().executed == ["score[39]"]


def test_a_variable_that_another_step_took_from_a_file_counts_with_the_file(project: Any) -> None:
    project.write("pipeline.py", """
        import os
        from deepwatch_flow import step

        @step
        def sets():
            os.environ["WORK_LOADED"] = open("settings.env").read()

        @step(after=["sets"])
        def uses(name="work_loaded"):
            return os.environ[name.upper()]
        """)
    project.write("settings.env", "1")
    assert project.run().executed == ["sets", "uses"]
    assert project.run().executed == []
    project.write("settings.env", "2")
    assert project.run().executed == ["sets", "uses"]
    assert project.value("uses") == "2"


def test_code_that_was_chosen_while_a_cache_was_filled_counts_for_who_uses_the_cache(project: Any) -> None:
    project.write("pipeline.py", """
        import functools
        import sys
        from deepwatch_flow import step
        import tools

        @functools.lru_cache()
        def chosen(name):
            return getattr(sys.modules["TOOLS".lower()], name)()

        @step
        def first(name="us"):
            return chosen(name + "ed")

        @step
        def second(name="us"):
            return [chosen(name + "ed")]
        """)
    project.write("tools.py", "def used():\n    return 1\n")
    project.run()
    project.edit("tools.py", "1", "2")
    assert project.run().executed == ["first", "second"]
    assert project.value("second") == [2]


# -- storing and loading values ------------------------------------------------------------------------

VALUES = """
    class Stored:
        def __init__(self, number):
            self.number = number

        def __getstate__(self):
            return {"number": self.number, "text": open("stored.txt").read()}

    class Loaded:
        def __init__(self, number):
            self.number = number

        def __setstate__(self, state):
            self.number = state["number"] + len(open("loaded.txt").read())
    """


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_what_a_value_reads_while_it_is_stored_or_loaded_counts(project: Any, executor: str) -> None:
    project.write("deepwatch.toml", f'executor = "{executor}"\n')
    project.write("pipeline.py", """
        from deepwatch_flow import Each, step
        from values import Loaded, Stored

        @step
        def whole():
            return {"deep": [Stored(1)]}

        @step(outputs=["a", "b"])
        def parts():
            return Stored(1), 2

        @step
        def chunks():
            yield Stored(1)

        @step
        def each(chunk=Each("chunks")):
            return 1

        @step
        def gives():
            return Loaded(2)

        @step
        def takes(gives):
            return gives.number
        """)
    project.write("values.py", VALUES)
    project.write("stored.txt", "1")
    project.write("loaded.txt", "1")
    project.run()
    assert project.value("takes") == 3
    assert project.run().executed == []
    project.write("stored.txt", "2")
    assert set(project.run().executed) == {"whole", "parts", "chunks", "each[0]"}
    project.write("loaded.txt", "22")
    assert project.run().executed == ["takes"]
    assert project.value("takes") == 4


def test_a_module_that_a_value_imports_while_it_is_stored_counts(project: Any) -> None:
    project.write("pipeline.py", """
        import importlib
        from deepwatch_flow import step

        class Value:
            def __getstate__(self):
                return {"limit": importlib.import_module("plugin_" + "Alpha".lower()).LIMIT}

        @step
        def one():
            return Value()

        @step
        def two():
            return Value()
        """)
    project.write("plugin_alpha.py", "LIMIT = 1\n")
    project.run()
    assert project.run().executed == []
    project.edit("plugin_alpha.py", "1", "2")
    assert project.run().executed == ["one", "two"]


# -- links and sizes --------------------------------------------------------------------------------------

@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("use", ["(Path('current').resolve() / 'x.txt').read_text()", "Path('current').resolve().name",
                                 "os.readlink('current')", "open('current/x.txt').read()"])
def test_a_link_that_leads_elsewhere_counts(project: Any, use: str) -> None:
    project.write("pipeline.py", f"import os\nfrom pathlib import Path\nfrom deepwatch_flow import step\n@step\ndef answer(): return {use}\n")
    for release in ("v1", "v2"):
        project.write(f"releases/{release}/x.txt", release)
    os.symlink("releases/v1", str(project.path("current")))
    assert project.run().executed == ["answer"]
    assert project.run().executed == []
    os.unlink(str(project.path("current")))
    os.symlink("releases/v2", str(project.path("current")))
    assert project.run().executed == ["answer"]
    assert "v2" in project.value("answer")
    assert project.run().executed == []


def test_sizes_that_a_listing_tells_count(project: Any) -> None:
    project.write("pipeline.py", "import os\nfrom deepwatch_flow import step\n@step\ndef answer(): return sum(e.stat().st_size for e in os.scandir('inbox'))\n")
    project.write("inbox/a.txt", "1")
    assert project.run().executed == ["answer"]
    assert project.run().executed == []
    project.write("inbox/a.txt", "22")
    assert project.run().executed == ["answer"]
