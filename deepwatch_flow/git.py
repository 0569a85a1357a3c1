"""What we ask git: the lockfiles of other revisions, which files differ. Read only, but for settings of a merge driver."""
from __future__ import annotations

import os
import re
import subprocess
from typing import Dict, Iterable, List, Optional

from .errors import DeepwatchError, EnvironmentFault


class GitError(DeepwatchError):
    """Git says no: the folder is no repository, there is no such revision."""


class Repository:
    """The repository that a folder lies in; paths are relative to that folder, with POSIX separators."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        #: the folder's own path below the top of the repository, empty or with a slash at its end
        self._prefix = os.fsdecode(self.ask("rev-parse", "--show-prefix")).strip("\n")

    def ask(self, *arguments: str, given: bytes = b"") -> bytes:
        """Return what a git command prints that is `given` something to read; raises GitError with what git complains of."""
        environ = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            done = subprocess.run(["git", *arguments], cwd=self._folder, env=environ, check=False,
                                  input=given, capture_output=True)
        except OSError as error:
            raise EnvironmentFault(f"can't run git: {error.strerror}", hint="install git, or put it on PATH") from error
        if done.returncode != 0:
            told = os.fsdecode(done.stderr).strip().splitlines()
            outside = bool(told) and "not a git repository" in told[0]
            raise GitError("this folder is in no git repository" if outside else
                           f"git {arguments[0]}: {told[0] if told else f'exit code {done.returncode}'}",
                           hint="git init, or go to a clone of the repository" if outside else None)
        return done.stdout

    def revision(self, name: str) -> str:
        """Return the commit that a name stands for; raises GitError."""
        try:
            return os.fsdecode(self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")).strip()
        except GitError:
            raise GitError(f"there is no revision `{name}`", hint="a branch, a tag, a commit, or HEAD~1" if name != "HEAD" else
                           "HEAD is the last commit, and there is none yet: git commit") from None

    def blobs(self, path: str, revisions: Iterable[str]) -> Dict[str, str]:
        """Return the git blob that a file is in each of some revisions; those without it are left out."""
        names = list(revisions)
        asked = "".join(f"{each}:{self._prefix}{path}\n" for each in names)
        answers = os.fsdecode(self.ask("cat-file", "--batch-check=%(objecttype) %(objectname)", given=os.fsencode(asked))).split("\n")
        # for what a revision does not have, the answer is what was asked, and `missing`
        return {name: answer[5:] for name, answer in zip(names, answers) if re.fullmatch("blob [0-9a-f]+", answer)}

    def show(self, path: str, revision: str) -> Optional[bytes]:
        """Return the bytes of a file in a revision, None where it has no such file."""
        blob = self.blobs(path, [revision]).get(revision)
        return self.ask("cat-file", "blob", blob) if blob is not None else None

    def tips(self) -> List[str]:
        """Return the names of all branches (remote ones, too) and tags, and HEAD."""
        listed = os.fsdecode(self.ask("for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes", "refs/tags"))
        return ["HEAD", *listed.split()]

    def unfinished(self) -> List[str]:
        """Return the commits of all stashes, of other working trees, and of a merge that goes on."""
        stashes = os.fsdecode(self.ask("log", "--walk-reflogs", "--format=%H", "refs/stash", "--")).split() \
            if os.fsdecode(self.ask("for-each-ref", "refs/stash")).strip() else []
        trees = [line[len("HEAD "):] for line in os.fsdecode(self.ask("worktree", "list", "--porcelain")).splitlines()
                 if line.startswith("HEAD ") and line[len("HEAD "):].strip("0")]
        folder = os.path.join(self._folder, os.fsdecode(self.ask("rev-parse", "--git-dir")).strip())
        heads = [name for name in ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD") if os.path.isfile(os.path.join(folder, name))]
        return [*stashes, *trees, *heads]

    def changed(self, since: str) -> List[str]:
        """Return the files that differ between a revision and the working tree, new ones included."""
        listed = self.ask("diff", "--name-only", "--relative", "-z", self.revision(since), "--")
        new = self.ask("ls-files", "--others", "--exclude-standard", "-z")
        return sorted({os.fsdecode(each) for each in (listed + new).split(b"\0") if each})


def repository(folder: str) -> Optional[Repository]:
    """Return the repository that a folder lies in, None where there is none."""
    try:
        return Repository(folder)
    except (GitError, EnvironmentFault):
        return None


def in_repository(folder: str) -> bool:
    """Tell whether a folder lies in a repository, without asking git: it may be git that is missing."""
    if os.environ.get("GIT_DIR"):
        return True
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True
