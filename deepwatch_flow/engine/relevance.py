"""Which of the things that a step was seen to read can be conditions of its result.

Programs look at much of a machine that is no part of any project: the system's own files, caches and
settings in hidden folders of the home directory, variables that tell who and where one is. Were
these conditions, no result would hold on another machine. What is left out here is told in the
README; what own code reads under a name that it tells counts by its fingerprint all the same.
"""
from __future__ import annotations

import os
from typing import Tuple

#: variables that describe the machine or the session
_MACHINE = frozenset({
    "HOME", "USER", "USERNAME", "USERPROFILE", "LOGNAME", "PATH", "PWD", "OLDPWD", "SHELL", "TERM", "COLORTERM", "COLUMNS",
    "LINES", "NO_COLOR", "FORCE_COLOR", "TMPDIR", "TEMP", "TMP", "HOSTNAME", "HOST", "DISPLAY", "WAYLAND_DISPLAY", "EDITOR",
    "PAGER", "LANG", "LANGUAGE", "MAIL", "SHLVL", "_", "VIRTUAL_ENV", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    "SYSTEMROOT", "WINDIR", "COMSPEC", "NUMBER_OF_PROCESSORS", "CI", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "MPLBACKEND",
})
_MACHINE_PREFIXES = ("XDG_", "LC_", "PYTHON", "CONDA_", "SSH_", "DBUS_", "DEEPWATCH_", "COVERAGE_", "PYTEST_", "JPY_")
_MACHINE_SUFFIXES = ("_NUM_THREADS", "_MAX_THREADS", "_CORETYPE")
#: folders of the system, which installs and updates them
_SYSTEM: Tuple[str, ...] = ("/usr/", "/etc/", "/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/", "/boot/", "/run/", "/proc/",
                            "/sys/", "/dev/", "/System/", "/Library/", "/nix/store/", "/var/run/", "/var/cache/")


def variable_counts(name: str) -> bool:
    """Tell whether an environment variable that was read can be a condition."""
    return not (name in _MACHINE or name.startswith(_MACHINE_PREFIXES) or name.endswith(_MACHINE_SUFFIXES))


def path_counts(path: str, kind: str, root: str) -> bool:
    """Tell whether an absolute path that was read, listed or looked for can be a condition."""
    if path.startswith(os.path.join(root, "")):
        return True
    if path == root:
        return kind == "folder"
    if path.startswith(_SYSTEM) or os.path.join(path, "") in root + os.sep or _is_hidden_at_home(path):
        return False
    # that a folder is there says little, and every library asks for some
    return not (kind in ("present", "size") and os.path.isdir(path))


def _is_hidden_at_home(path: str) -> bool:
    home = os.path.join(os.path.expanduser("~"), "")
    return home != os.sep and (os.path.join(path, "") == home or path.startswith(home + "."))
