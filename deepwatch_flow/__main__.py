"""``python -m deepwatch_flow``: the command line without its script."""
from __future__ import annotations

import sys

from .cli.main import main

if __name__ == "__main__":       # a spawned worker imports this module under another name
    sys.exit(main())
