"""The row about two versions that run together (F30). The older one comes out of this repository's own history: the oldest
commit whose folds and tables are today's, so that both work on one database, as two versions do while one replaces the other.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from contracts.topics import SERVICES
from tests.chaos.play import NotHere, Play
from tests.chaos.site import SECOND, health_of, pause
from tests.waiting import eventually

__all__ = ["VERSION_ROWS"]

ROOT = Path(__file__).parents[2]
CODE = ("chassis", "contracts", "deploy", "oms", "services")
COMMITS_MAX = 400
"""How far back is looked."""

GIT_SECONDS, FORMATS_SECONDS = 60.0, 120.0
RUNNING_SECONDS, ENDS_SECONDS = 120.0, 60.0
TOGETHER_SECONDS = 10.0

SERVICES_REPLACED = 2
"""Of how many services an older process works beside today's, one after the other."""

FORMATS = """
import json
from chassis import snapshots, store
from contracts.topics import SERVICES
from oms.declared import declared
services = [declared(name, "") for name in SERVICES]
kinds = [[snapshots.state_version(kind) for kind in service.kinds] for service in services]
models = [[[each.name, sorted(each.topics), each.tables] for each in service.projections] for service in services]
print(json.dumps([kinds, models, store._TABLES]))
"""
"""What a version says of the form of all that it stores beside the topics, printed by itself."""


def together(play: Play) -> None:
    """F30: processes of an older version work beside today's, then alone, then beside them again."""
    site = play.site
    with play.row("F30", "an older version runs beside this one, and alone") as one:
        older, commit = _older(site.settings.home / "older")
        one.what = f"version {commit} runs beside this one, and alone"
        home = site.settings.home / SECOND
        for name in play.chance("F30").sample(SERVICES, SERVICES_REPLACED):
            second = site.launched(name, home=home, environment=_of(older))
            runs = partial(_runs, home / "run" / f"{name}.json")
            eventually(runs, RUNNING_SECONDS, f"{name} of version {commit} running", 0.5)
            pause(TOGETHER_SECONDS)
            one.fired += _well(play, one.wrong, f"both versions of {name} ran")
            site.stop([name])
            one.fired += _well(play, one.wrong, f"the older {name} ran alone", start_again=False)
            site.launched(name)
            site.await_running([name])
            one.fired += _well(play, one.wrong, f"today's {name} had come back")
            if second.poll() is not None:
                one.wrong.append(f"the older {name} ended with {second.poll()}")
            else:
                second.terminate()
                second.wait(ENDS_SECONDS)


def _runs(place: Path) -> bool:
    return health_of(place).get("state") == "running"


def _well(play: Play, wrong: list[str], when: str, *, start_again: bool = True) -> int:
    """One more step that was made; whether an order came through is told if it did not."""
    if play.confirmed(start_again=start_again) is None:
        wrong.append(f"nothing was confirmed while {when}")
    return 1


def _of(tree: Path) -> dict[str, str]:
    """The environment in which Python finds the code of this tree, and not that of the folder it is started in."""
    return {"PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}


def _older(folder: Path) -> tuple[Path, str]:
    """The code of the oldest version that stores as today's does, below the folder, and its commit. Raises NotHere where the
    repository's history is not at hand, or says nothing older."""
    try:
        commits = _git("log", "--first-parent", f"--max-count={COMMITS_MAX}", "--format=%h", "HEAD").decode().split()
    except (OSError, subprocess.SubprocessError) as error:
        raise NotHere("the history of the repository is not there") from error
    wanted, newest, oldest = _formats(ROOT), 0, len(commits)
    # Of commits that store as today's one is older than all others: between those that do and those that do not.
    while oldest - newest > 1:
        middle = (newest + oldest) // 2
        _check_out(commits[middle], folder / commits[middle])
        if _formats(folder / commits[middle]) == wanted:
            newest = middle
        else:
            oldest = middle
    if newest == 0:
        raise NotHere("no older commit of the history stores as today's version does")
    return folder / commits[newest], commits[newest]


def _formats(tree: Path) -> str:
    """What the version of this tree stores; empty where it does not say so in this way."""
    done = subprocess.run(
        [sys.executable, "-c", FORMATS],
        env={**os.environ, **_of(tree)},
        capture_output=True,
        text=True,
        timeout=FORMATS_SECONDS,
        check=False,
    )
    return done.stdout


def _check_out(commit: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(_git("archive", commit, *CODE))) as packed:
        packed.extractall(folder, filter="data")


def _git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, timeout=GIT_SECONDS, check=True
    ).stdout


VERSION_ROWS: Mapping[str, Callable[[Play], None]] = {"F30": together}
"""What is done with versions."""
