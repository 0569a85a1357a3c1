"""What code may read of other code, or of the interpreter, beyond calling it.

Whoever reads docstrings, annotations, names or source text of functions depends on these too; the
flags say so for each unit, and the digests below take them in.
"""
from __future__ import annotations

from typing import Dict

#: what the code of a unit may read of others, or of the interpreter (bits of ``Code.flags``)
READS_DOC, READS_ANNOTATIONS, READS_NAMES, READS_SOURCE, READS_DEBUG, READS_GLOBALS = 1, 2, 4, 8, 16, 32
#: those that ask for another variant of the digests of all units below
VARIANT_FLAGS = READS_DOC | READS_ANNOTATIONS | READS_NAMES | READS_SOURCE

READS: Dict[str, int] = {
    "__doc__": READS_DOC, "getdoc": READS_DOC, "pydoc": READS_DOC,
    "__annotations__": READS_ANNOTATIONS, "get_type_hints": READS_ANNOTATIONS,
    "get_annotations": READS_ANNOTATIONS, "__annotate__": READS_ANNOTATIONS,
    "signature": READS_ANNOTATIONS | READS_NAMES, "getfullargspec": READS_ANNOTATIONS | READS_NAMES,
    "getargspec": READS_ANNOTATIONS | READS_NAMES, "getmembers": READS_NAMES,
    "__name__": READS_NAMES, "__qualname__": READS_NAMES,
    "getsource": READS_SOURCE, "getsourcelines": READS_SOURCE, "__code__": READS_SOURCE | READS_NAMES,
    # a line's number is a matter of the whole file
    "f_lineno": READS_SOURCE, "tb_lineno": READS_SOURCE, "co_firstlineno": READS_SOURCE, "co_lines": READS_SOURCE,
    "findsource": READS_SOURCE, "getframeinfo": READS_SOURCE, "extract_stack": READS_SOURCE,
    "__debug__": READS_DEBUG,
}
