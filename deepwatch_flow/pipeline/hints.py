"""What was probably meant by a name that there is not."""
from __future__ import annotations

import difflib
from typing import Any, Optional


def nearest(name: str, names: Any) -> Optional[str]:
    """Return a did-you-mean, or None where nothing is near."""
    close = difflib.get_close_matches(name, [str(each) for each in names], n=1)
    return f"did you mean `{close[0]}`?" if close else None
