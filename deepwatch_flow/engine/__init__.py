"""Planning and running: what must run, and running it."""
