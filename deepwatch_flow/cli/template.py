"""The files that ``deepwatch init`` writes: a pipeline that runs as it is."""
from __future__ import annotations

PIPELINE = '''\
"""A small pipeline. Try:

    deepwatch run               # everything runs
    deepwatch run               # nothing to do
    deepwatch run --set long_words.least=6

Then change `is_long` in helpers.py and ask `deepwatch why long_words`.
"""
from deepwatch_flow import File, Product, step
from helpers import is_long, split


@step
def words(path=File("data/text.txt")):
    """All words of the text; the file is a declared input."""
    return split(path.read_text(encoding="utf-8"))


@step
def long_words(words, least=5):
    """The long words; `words` is the step above, `least` a param."""
    return [word for word in words if is_long(word, least)]


@step
def report(words, long_words, out=Product("report.txt")):
    """A file that the pipeline makes."""
    out.write_text(f"{len(long_words)} of {len(words)} words are long\\n", encoding="utf-8")
'''

HELPERS = '''\
"""What the steps use. A change here runs again the steps that use what changed, and no others."""


def split(text):
    return [word.strip(".,;:!?").lower() for word in text.split()]


def is_long(word, least):
    return len(word) >= least
'''

SETTINGS = '''\
# Settings of deepwatch; all of them are optional.

# jobs = 4                      # how many steps run at a time

# Params of steps, over the defaults in pipeline.py:
# [steps.long_words.params]
# least = 6
'''

TEXT = """\
Edit anything a step really uses, and that step runs again.
Edit anything else, and it does not.
"""

IGNORE = """\
.deepwatch/
"""

#: path below the project's folder -> content
FILES = {"pipeline.py": PIPELINE, "helpers.py": HELPERS, "deepwatch.toml": SETTINGS, "data/text.txt": TEXT}
#: written where there is none yet
OPTIONAL = {".gitignore": IGNORE}
