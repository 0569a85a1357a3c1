"""Run the fenced code blocks of a Markdown document in a scratch project, in order.

What happens to a block is told by a comment on the line above its fence, else by its language:

    <!-- file: NAME -->      write the block to NAME
    <!-- edit: NAME -->      a diff block: lines with `-` become the lines with `+` that follow
    <!-- not run: WHY -->    leave it alone
    (python)                 run it as a script, in the scratch project
    (console)                run the lines with `$ `, by sh; the lines below each must be in its output,
                             in this order (`...` stands for anything; a line `exit code N` for that code)
    (toml, json)             must parse
    (anything else)          leave it alone
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple, Tuple

from deepwatch_flow._compat import toml_loads

REPOSITORY = Path(__file__).resolve().parent.parent


class Block(NamedTuple):
    """One fenced block."""

    line: int
    language: str
    mark: str           # the text of the comment above, or ''
    text: str


def blocks(markdown: str) -> Iterator[Block]:
    """The fenced blocks of a document; an unclosed fence is an error."""
    lines = markdown.split("\n")
    at = 0
    while at < len(lines):
        opening = re.match(r"^(\s*)```(\w*)\s*$", lines[at])
        if opening:
            indent = opening.group(1)
            above = re.match(r"^\s*<!-- (.*) -->\s*$", lines[at - 1]) if at else None
            end = lines.index(indent + "```", at + 1)
            body = [line[len(indent):] for line in lines[at + 1:end]]
            yield Block(at + 1, opening.group(2), above.group(1) if above else "", "\n".join(body) + "\n")
            at = end
        at += 1


class Scratch:
    """The folder in which a document's blocks run."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        tools = folder / "bin"
        tools.mkdir()
        for name, command in (("deepwatch", "-m deepwatch_flow"), ("python", "")):
            tool = tools / name
            tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
            tool.chmod(0o755)
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.environ.update(PATH=f"{tools}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(REPOSITORY),
                            PYTHONDONTWRITEBYTECODE="1", NO_COLOR="1", COLUMNS="120", HOME=str(folder))

    def do(self, block: Block) -> None:
        """Do what the block's mark or language says."""
        verb, _, rest = block.mark.partition(":")
        if verb == "not run":
            assert rest.strip(), "say why this block is not run"
        elif verb == "file":
            self._write(rest.strip(), block.text)
        elif verb == "edit":
            self._edit(rest.strip(), block.text)
        elif block.language == "python":
            self._write("snippet.py", block.text)
            code, output = self._sh("python snippet.py")
            self.root.joinpath("snippet.py").unlink()
            assert code == 0, output
        elif block.language == "console":
            self._console(block.text)
        elif block.language == "toml":
            toml_loads(block.text)
        elif block.language == "json":
            json.loads(block.text)

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _edit(self, name: str, diff: str) -> None:
        path = self.root / name
        old = "".join(line[2:] + "\n" for line in diff.splitlines() if line.startswith("-"))
        new = "".join(line[2:] + "\n" for line in diff.splitlines() if line.startswith("+"))
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} holds this {text.count(old)} times:\n{old}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def _console(self, text: str) -> None:
        command, expected = "", []      # type: Tuple[str, List[str]]
        for line in [*text.splitlines(), "$ "]:
            if not line.startswith("$ "):
                expected.append(line)
                continue
            if command:
                self._check(command, expected)
            command, expected = line[2:], []

    def _check(self, command: str, expected: List[str]) -> None:
        code, output = self._sh(command.split("  #")[0])
        wanted_code, at = 0, 0
        for line in expected:
            told = re.match(r"^exit code (\d+)$", line)
            if told:
                wanted_code = int(told.group(1))
                continue
            pattern = ".*".join(map(re.escape, line.strip().split("...")))
            found = re.compile(pattern).search(output, at)
            assert found, f"$ {command}\nshould print {line!r}; it printed:\n{output}"
            at = found.end()
        assert code == wanted_code, f"$ {command}\nended with {code}:\n{output}"

    def _sh(self, command: str) -> Tuple[int, str]:
        done = subprocess.run(["sh", "-c", command], cwd=str(self.root), env=self.environ, timeout=300,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode("utf-8")
