# Sourced by the other scripts, not run: finds interpreters and makes virtual environments.
# POSIX sh. Needs a Python >= 3.8 with venv, and an index for pip; nothing else.

root=$(CDPATH= cd -- "${lib_folder:-$(dirname -- "$0")}/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# python_version PROGRAM: prints "3.11" where PROGRAM runs, else nothing
python_version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# find_python VERSION: prints a program of that version ("3.8"), or fails
find_python() {
    for candidate in "python$1" python3 python; do
        if [ "$(python_version "$candidate")" = "$1" ]; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    if command -v pyenv >/dev/null 2>&1; then
        for candidate in "$(pyenv root)"/versions/"$1"*/bin/python; do
            if [ "$(python_version "$candidate")" = "$1" ]; then
                printf '%s\n' "$candidate"
                return 0
            fi
        done
    fi
    return 1
}

# default_python: prints the program to use where nobody asked for a version: $PYTHON, python3, python
default_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    die "no Python 3.8 or later found; install one, or name it: PYTHON=/path/to/python $0"
}

# make_venv FOLDER PROGRAM WHAT...: a virtual environment with WHAT installed (arguments of pip).
# Does nothing where the same was installed before: the stamp tells.
make_venv() {
    venv=$1 program=$2
    shift 2
    mkdir -p "$venv"
    stamp=$venv/.stamp-$(printf '%s' "$*" | cksum | cut -d' ' -f1)
    wanted=$(
        printf '%s\n' "$root" "$program" "$*"
        "$program" -VV
        cat "$root/pyproject.toml" "$root/deepwatch_flow/_version.py"
        for argument; do
            if [ -f "$argument" ]; then cat "$argument"; fi
        done
    )
    if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return 0
    fi
    if [ ! -x "$venv/bin/python" ] || [ "$(python_version "$venv/bin/python")" != "$(python_version "$program")" ]; then
        "$program" -m venv --clear "$venv" >&2 ||
            die "$program can't make a virtual environment (on Debian and Ubuntu: apt-get install python3-venv)"
    fi
    say "installing into ${venv#"$root"/}: $*"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 ||
        die "pip could not install: $*"
    printf '%s\n' "$wanted" >"$stamp"
}
