"""Execution on workers that may be on other machines: what the driver sends, what a worker does with it."""
