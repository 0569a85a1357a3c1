"""Which names a piece of syntax binds, and what stands for each name in its canonical text.

A local name becomes a number (renaming it changes nothing), a name from outside becomes a *hole*:
the chain of attributes behind it is resolved on live objects later, so neither the text nor the
digest holds the name by which something is reached. Rules of scope: the language reference, 4.2.2.
"""
from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

#: how an import inside a function binds a name: (module, level, attribute or None)
Imported = Tuple[str, int, Optional[str]]

#: calls through which code sees the names of its own local variables
SEES_LOCALS = frozenset({"locals", "vars", "eval", "exec", "dir", "_getframe", "currentframe"})

_WORD = re.compile(r"[^\W\d]\w*")


class Use(NamedTuple):
    """One hole: a chain of names from outside, as a definition uses it."""

    chain: Tuple[str, ...]              #: root name and attributes
    called: bool                        #: every use is a call with positional arguments only
    imported: Optional[Imported]        #: where the root is bound by an import inside the definition


class Scope:
    """One scope of a definition: what it binds, and how."""

    __slots__ = ("kind", "parent", "path", "bound", "outer", "imports", "literal")

    def __init__(self, kind: str, parent: Optional[Scope], path: str = "") -> None:
        self.kind = kind                            # function | lambda | comprehension | class | module
        self.path = path                            # what stands before the qualified names in here
        self.parent = parent
        self.bound: Set[str] = set()
        self.outer: Dict[str, str] = {}             # names declared `global` or `nonlocal`
        self.imports: Dict[str, Imported] = {}
        self.literal: Set[str] = set()              # bound names that others can see

    def bind(self, name: str) -> None:
        """Note that the scope binds `name`, unless it says that another scope does."""
        if name not in self.outer:
            self.bound.add(name)

    def owner(self, name: str) -> Optional[Scope]:
        """Return the scope inside the definition that binds `name` as seen from here, if any."""
        scope: Optional[Scope] = self
        first = True
        while scope is not None:
            if first or scope.kind != "class":
                declared = scope.outer.get(name)
                if declared == "global":
                    return None
                if declared is None and name in scope.bound:
                    return scope
            first = False
            scope = scope.parent
        return None

    def binder(self) -> Scope:
        """Return the scope that an assignment expression in here binds in."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope


#: a name (and attributes) at a place in the token stream: position, scope, chain, whether it is called
Mention = Tuple[int, Scope, Tuple[str, ...], bool]


class Names:
    """The names that one definition mentions, turned into tokens when it is complete."""

    __slots__ = ("mentions", "strings", "keywords", "sees_locals", "_imports", "_mixed", "_used")

    def __init__(self) -> None:
        self.mentions: List[Mention] = []
        self.strings: List[str] = []
        self.keywords: Set[str] = set()
        self.sees_locals = False
        self._imports: Dict[Tuple[int, str], str] = {}    # (scope, name) -> module imported there
        self._mixed: List[str] = []                       # modules behind names bound in two ways
        self._used: Set[Tuple[int, str]] = set()

    def imported(self, scope: Scope, name: str, target: Imported, module: str) -> None:
        """Note that an import inside the definition binds `name`."""
        if name in scope.bound and scope.imports.get(name) != target:
            self.rebound(scope, name)
            self.mixed(module)
        else:
            scope.bound.add(name)
            scope.imports[name] = target
            self._imports[(id(scope), name)] = module

    def rebound(self, scope: Scope, name: str) -> None:
        """Note that `name` is bound in another way than by one import: an ordinary local then."""
        if scope.imports.pop(name, None) is not None:
            self.mixed(self._imports.pop((id(scope), name)))

    def mixed(self, module: str) -> None:
        """Note that an import inside the definition counts with the whole module."""
        self._mixed.append(module)

    def whole_modules(self) -> List[str]:
        """Return the modules imported here that count as a whole: not used by one plain name.

        Valid after `fill`. An import whose name nobody reads is there for what it does.
        """
        unread = [module for place, module in self._imports.items() if place not in self._used]
        return sorted(set(self._mixed + unread))

    def fill(self, tokens: List[str]) -> Tuple[Use, ...]:
        """Write the token of each mention into `tokens`; return the holes in their order."""
        spoken = self._spoken()
        locals_: Dict[Tuple[int, str], str] = {}
        holes: Dict[Tuple[Tuple[str, ...], Optional[Imported]], int] = {}
        called: List[bool] = []
        for position, scope, chain, is_called in self.mentions:
            root = chain[0]
            owner = scope.owner(root)
            if owner is not None and root not in owner.imports:
                seen = (id(owner), root)
                token = locals_.get(seen)
                if token is None:
                    token = self._local(owner, root, spoken, len(locals_))
                    locals_[seen] = token
                tokens[position] = token if len(chain) == 1 else token + "." + ".".join(chain[1:])
                continue
            if owner is not None:
                self._used.add((id(owner), root))
            key = (chain, owner.imports[root] if owner is not None else None)
            index = holes.setdefault(key, len(holes))
            if index == len(called):
                called.append(is_called)
            elif not is_called:
                called[index] = False
            tokens[position] = "@%d" % index
        return tuple(Use(chain, called[i], imported) for (chain, imported), i in holes.items())

    def _local(self, owner: Scope, name: str, spoken: Set[str], number: int) -> str:
        visible = self.sees_locals or name in owner.literal or name in spoken or owner.kind == "class"
        if not visible and owner.kind == "lambda" and name in self.keywords:
            visible = True
        return "=" + name if visible else "%%%d" % number

    def _spoken(self) -> Set[str]:
        # `frame.query("x > @limit")` and its like read local variables by name: a name inside a
        # text that is more than one word stays as it is
        words: Set[str] = set()
        for text in self.strings:
            if len(text) <= 10_000 and not text.isidentifier():
                words.update(_WORD.findall(text))
        return words
