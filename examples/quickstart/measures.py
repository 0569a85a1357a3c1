"""Measures of Python source text."""
import ast
import collections
import re
import warnings

#: how much one `if`, `for`, `while`, `except`... counts
BRANCH_WEIGHT = 1
BRANCHES = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.BoolOp, ast.IfExp, ast.comprehension)

#: words that say nothing
STOP_WORDS = frozenset("the and for that this with not are from will can has have its into which when been".split())


def lines(text):
    """Count the lines of code, of comments, and the blank ones."""
    stripped = [line.strip() for line in text.splitlines()]
    comments = sum(line.startswith("#") for line in stripped)
    blank = stripped.count("")
    return {"code": len(stripped) - comments - blank, "comments": comments, "blank": blank}


def branches(text):
    """Count the branches of a module, each as much as it weighs."""
    return sum(BRANCH_WEIGHT for node in ast.walk(parsed(text)) if isinstance(node, BRANCHES))


def common_words(texts, most):
    """Return the most frequent words of all docstrings, with their counts."""
    counts = collections.Counter()
    for text in texts:
        for docstring in docstrings(parsed(text)):
            counts.update(word for word in re.findall(r"[a-z]{3,}", docstring.lower()) if word not in STOP_WORDS)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def docstrings(tree):
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield ast.get_docstring(node, clean=False) or ""


def parsed(text):
    """Parse a module; its author's warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)
