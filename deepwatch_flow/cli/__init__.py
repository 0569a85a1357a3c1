"""The command line: one function pair a command, errors to exit codes in ``cli.main``."""
