"""From a live function or class to the facts of its definition.

A code object is found among those that its file compiles to, so a file edited since it was
imported is noticed and never believed. Several functions of one name on one line (lambdas) are
told apart by their order. Text without a file (notebook cells, `exec` with a registered text) is
taken from `linecache`; where there is no text at all, the caller falls back to bytecode.
"""
from __future__ import annotations

import ast
import linecache
from types import CodeType, FunctionType
from typing import Dict, List, MutableMapping, NamedTuple, Optional, Tuple

from ..hashing.digest import digest_bytes
from ..hashing.marked import same_code
from ..loading.snapshot import Snapshot, Source
from ..model import Digest
from . import facts
from .facts import Definition, ModuleFacts, Statement

#: what parsing may raise; how deep a text may nest depends on how deep the caller stands
_UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


class Located(NamedTuple):
    """A definition and the file it stands in."""

    definition: Definition
    file: SourceFile


class SourceFile:
    """The facts of one file, indexed."""

    def __init__(self, path: str, digest: Digest, found: ModuleFacts, code: CodeType,
                 source: Optional[Source] = None) -> None:
        self.path = path
        self.digest = digest
        self.facts = found
        self.imports = {name: (module, level, attribute) for name, module, level, attribute in found.imports}
        self._by_line: Dict[Tuple[int, str], List[Definition]] = {}
        self._by_name: Dict[str, List[Definition]] = {}
        self._binding: Dict[str, List[Statement]] = {}
        self._code = code
        self._source = source
        self._codes: Optional[Dict[Tuple[int, str], List[CodeType]]] = None
        self._plain: Optional[Dict[Tuple[int, str], List[CodeType]]] = None
        for definition in found.definitions:
            self._by_line.setdefault((definition.line, definition.name), []).append(definition)
            self._by_name.setdefault(definition.qualname, []).append(definition)
        for statement in found.statements:
            for name in statement.names:
                self._binding.setdefault(name, []).append(statement)

    def of_code(self, code: CodeType) -> Optional[Definition]:
        """Return the definition that a code object was compiled from, or None if the text differs."""
        place = (code.co_firstlineno, code.co_name)
        found = self._by_line.get(place, [])
        codes = self._compiled().get(place, [])
        at = next((i for i, other in enumerate(codes) if same_code(code, other)), None)
        if at is None and codes:    # what was not loaded by us is as the compiler makes it
            at = next((i for i, other in enumerate(self._compiled_plainly().get(place, [])) if other == code), None)
        if at is None or not found:
            return None
        names = ",".join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        if len(found) == len(codes):
            # of several lambdas the order tells, and their parameters must not gainsay it
            return found[at] if len(found) == 1 or found[at].signature in (names, names.partition(",")[2]) else None
        # equal lambdas on one line are one code object: any definition of this shape is the one
        fitting = [each for each in found if each.signature == names] or found
        return fitting[0] if len({each.text.digest for each in fitting}) == 1 else None

    def of_class(self, cls: type) -> Optional[Definition]:
        """Return the definition of a class; of several with one name, the one its methods stand in."""
        found = [each for each in self._by_name.get(cls.__qualname__, []) if each.kind == "class"]
        if len(found) > 1:
            lines = [value.__code__.co_firstlineno for value in vars(cls).values() if isinstance(value, FunctionType)
                     and value.__code__.co_filename == self.path]
            found = [each for each in found if all(each.line <= line <= each.end for line in lines)] or found
        return found[-1] if found else None

    def named(self, qualname: str) -> Optional[Definition]:
        """Return the last definition of a qualified name."""
        found = self._by_name.get(qualname)
        return found[-1] if found else None

    def all_named(self, qualname: str) -> List[Definition]:
        """Return all definitions of a qualified name, in their order."""
        return self._by_name.get(qualname, [])

    def at(self, line: int, name: str) -> List[Definition]:
        """Return the definitions whose code objects have this first line and name."""
        return self._by_line.get((line, name), [])

    def binding(self, name: str) -> List[Statement]:
        """Return the module-level statements that bind a name."""
        return self._binding.get(name, [])

    def _compiled(self) -> Dict[Tuple[int, str], List[CodeType]]:
        if self._codes is None:
            self._codes = _by_place(self._code)
        return self._codes

    def _compiled_plainly(self) -> Dict[Tuple[int, str], List[CodeType]]:
        if self._plain is None:
            self._plain = {} if self._source is None else _by_place(self._source.plain())
        return self._plain


def _by_place(module: CodeType) -> Dict[Tuple[int, str], List[CodeType]]:
    """Return the code objects of a module by first line and name, each list in their order."""
    codes: Dict[Tuple[int, str], List[CodeType]] = {}
    stack = [module]
    while stack:
        code = stack.pop()
        codes.setdefault((code.co_firstlineno, code.co_name), []).append(code)
        stack.extend(reversed([const for const in code.co_consts if isinstance(const, CodeType)]))
    return codes


class Sources:
    """All source files that analysis has looked at, with their facts kept by content digest."""

    def __init__(self, snapshot: Snapshot, kept: Optional[MutableMapping[Digest, bytes]] = None) -> None:
        self.snapshot = snapshot
        self.kept: MutableMapping[Digest, bytes] = {} if kept is None else kept
        self._files: Dict[str, Optional[SourceFile]] = {}

    def file(self, path: str) -> Optional[SourceFile]:
        """Return a file's facts, or None where there is no text that can be parsed."""
        if path not in self._files:
            self._files[path] = self._from_text(path) if path.startswith("<") else self._from_disk(path)
        found = self._files[path]
        return found if found is not None or not path.startswith("<") else self._from_text(path)

    def dumped(self) -> Dict[Digest, bytes]:
        """Return the facts of the files so far as `kept` takes them."""
        files = [file for file in self._files.values() if file is not None]
        return {file.digest: self.kept.get(file.digest) or facts.dump(file.facts) for file in files}

    def _from_disk(self, path: str) -> Optional[SourceFile]:
        try:
            source = self.snapshot.read(path)
        except OSError:
            return self._from_text(path)
        kept = self.kept.get(source.digest)
        found = facts.load(kept) if kept is not None else None
        if found is None:
            try:
                found = facts.facts_of(source.tree())
            except _UNPARSABLE:
                return None
            self.kept[source.digest] = facts.dump(found)
        return SourceFile(path, source.digest, found, source.code(), source)

    def _from_text(self, path: str) -> Optional[SourceFile]:
        lines = linecache.getlines(path)
        if not lines:
            return None
        text = "".join(lines)
        try:
            tree = ast.parse(text)
            code = compile(text, path, "exec", dont_inherit=True)
        except _UNPARSABLE:
            return None
        return SourceFile(path, digest_bytes(text.encode("utf-8", "surrogatepass")), facts.facts_of(tree), code)

    def locate(self, function: FunctionType) -> Optional[Located]:
        """Return the definition of a live function, or None where its text can't be had."""
        file = self.file(function.__code__.co_filename)
        if file is None:
            return None
        definition = file.of_code(function.__code__)
        return None if definition is None else Located(definition, file)
