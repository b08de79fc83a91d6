"""What the peers need, fetched into a folder of its own the first time that they are measured; the product never needs it.

Python packages come by `requirements.lock` with their hashes, the Restate server by `package-lock.json` with its integrity. Where a tool is absent,
`Absent` says which; the measure is then left out, and says so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["PROGRAMS", "Absent", "peers_python", "restate_server", "streams_program"]

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
FETCHED = HERE / ".fetched"
"""Not in the repository."""

FETCH_SECONDS = 300.0


class Absent(RuntimeError):
    """A peer cannot be measured here; says why."""


def peers_python() -> Path:
    """The Python of the peers, with their packages."""
    folder, lock = FETCHED / "python", HERE / "requirements.lock"
    python = folder / "bin" / "python"
    stamp = folder / ".locked"
    if not stamp.is_file() or stamp.read_bytes() != lock.read_bytes():
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(lock)])
        stamp.write_bytes(lock.read_bytes())
    return python


def restate_server() -> Path:
    """The Restate server's program. Raises Absent where there is no npm to fetch it with, or none for this machine."""
    npm = shutil.which("npm")
    if npm is None:
        raise Absent("Node's npm is not on this machine, which fetches the Restate server")
    folder = FETCHED / "restate"
    found = _server_in(folder)
    if found is None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        _run([npm, "ci", "--ignore-scripts", "--silent", "--prefix", str(folder)])
        found = _server_in(folder)
    if found is None:
        raise Absent("the Restate server is not made for this kind of machine")
    return found


def streams_program() -> list[str]:
    """The command that runs the Kafka Streams program, without its arguments. Raises Absent where there is no JDK or no
    Maven to compile it with."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None or shutil.which("javac") is None:
        raise Absent("a JDK and Maven are not on this machine, which compile the Kafka Streams program")
    folder = FETCHED / "streams"
    source = HERE / "streams"
    shutil.copytree(source, folder, dirs_exist_ok=True)
    goals = ["compile", "dependency:copy-dependencies", "-DincludeScope=runtime"]
    _run([maven, "--quiet", "--batch-mode", "--file", str(folder / "pom.xml"), *goals])
    target = folder / "target"
    return [java, "-Xmx1g", "-cp", f"{target / 'classes'}:{target / 'dependency'}/*", "bench.Reserve"]


def _server_in(folder: Path) -> Path | None:
    """The program itself: the script beside it would stand between us and its process."""
    return next(iter((folder / "node_modules" / "@restatedev").glob("restate-server-*/bin/restate-server")), None)


def _run(command: list[str]) -> None:
    """Raises Absent with the last words of a command that fails."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_SECONDS)
    except subprocess.CalledProcessError as error:
        raise Absent(f"{command[0]} could not fetch a peer: {(error.stderr + error.stdout).strip()[-400:]}") from error
    except subprocess.TimeoutExpired as error:
        raise Absent(f"{command[0]} did not fetch a peer within {FETCH_SECONDS:.0f} s") from error
