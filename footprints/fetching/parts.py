"""A file that grows over several visits, and is one process's at a time."""

import fcntl
import re
import secrets
from contextlib import suppress
from pathlib import Path


class Part:
    """A file in ``settings.FETCHING_DIR`` that is being fetched, open and locked.

    Its name holds a token that the feed's row remembers: a worker goes on with the very file that
    the row speaks of, or begins anew. So machines may share the directory or not: where they do
    not, one that takes over from another begins anew. The lock keeps out a second process that
    believes the feed to be its own; it goes when the process does.
    """

    def __init__(self, folder: Path, name: str, token: str, suffix: str = "part"):
        self.token = token
        self.path = folder / f"{name}.{token}.{suffix}"
        self.file = self.path.open("a+b", buffering=0)
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.file.close()
            raise

    @classmethod
    def begun(cls, folder: Path, name: str) -> "Part":
        """An empty one; what earlier visits left behind under that name is removed."""
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{name}.*"):
            if re.fullmatch(re.escape(name) + r"\.[0-9a-f]{16}\.\w+", left.name):
                left.unlink(missing_ok=True)
        return cls(folder, name, secrets.token_hex(8))

    @classmethod
    def found(cls, folder: Path, name: str, token: str | None) -> "Part | None":
        """The one that the row remembers; None where it is not here, or another process's."""
        if not token or not (folder / f"{name}.{token}.part").exists():
            return None
        try:
            return cls(folder, name, token)
        except OSError:
            return None

    @property
    def size(self) -> int:
        return self.file.seek(0, 2)

    def append(self, block: bytes):
        """Write it whole at the end. Raises OSError where the disk has no room."""
        view = memoryview(block)
        while view:
            view = view[self.file.write(view) :]

    def cut(self, size: int):
        """Forget what lies beyond that size."""
        self.file.truncate(size)

    def beside(self, suffix: str) -> Path:
        """The path of another file of the same fetch."""
        return self.path.with_suffix(f".{suffix}")

    def close(self):
        self.file.close()

    def remove(self):
        """Close it, and delete it and what lies beside it."""
        self.close()
        for path in self.path.parent.glob(f"{self.path.stem}.*"):
            with suppress(FileNotFoundError):
                path.unlink()
