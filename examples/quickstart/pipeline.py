"""What is Python's standard library made of? Its source is the data: sizes, words and complexity by module.

    deepwatch run            run what is not up to date
    deepwatch show report    look at the outcome
"""
import platform
import sysconfig
from pathlib import Path

import layout
import measures
from deepwatch_flow import Product, step


@step
def sources(version=platform.python_version()):
    """Return the text of each top-level module.

    The files belong to the installation, not to this project, so they are no declared input: their
    version, a parameter, stands for them.
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    return {path.stem: path.read_text(encoding="utf-8", errors="replace") for path in sorted(library.glob("*.py"))}


@step
def sizes(sources):
    """Return how many lines of code, comment and nothing each module has."""
    return {name: measures.lines(text) for name, text in sources.items()}


@step
def words(sources, most=12):
    """Return the words that docstrings and comments use most."""
    return measures.common_words(sources.values(), most)


@step
def complexity(sources):
    """Return the number of ways through each module."""
    return {name: measures.branches(text) for name, text in sources.items()}


@step
def ranking(sizes, complexity, top=10):
    """Return the modules with the most branches for a hundred lines of code."""
    density = {name: 100 * complexity[name] / size["code"] for name, size in sizes.items() if size["code"] >= 50}
    return sorted(density.items(), key=lambda item: (-item[1], item[0]))[:top]


@step
def report(sizes, words, ranking, out=Product("reports/library.txt")):
    """Write it all down, for people."""
    code = sum(size["code"] for size in sizes.values())
    text = "\n\n".join([
        f"{len(sizes)} modules, {code:,} lines of code",
        layout.table("branches in 100 lines", ranking),
        layout.table("words", words),
    ])
    out.parent.mkdir(exist_ok=True)
    out.write_text(text + "\n", encoding="utf-8")
    return text
