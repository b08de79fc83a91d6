"""Jars, the broker's above all: resolved once into a lock (jgo.lock.toml) with their SHA-256, fetched and checked from it
ever after.

They lie in the local Maven repository (`~/.m2/repository`, or M2_REPO), so a second start fetches nothing.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.config import GlobalSettings
from jgo.env import EnvironmentBuilder, EnvironmentSpec, LockFile
from jgo.env._lockfile import LockedDependency, compute_sha256, compute_spec_hash
from jgo.maven import Artifact, MavenContext

from deploy.local.errors import ArtifactDamaged, ArtifactMissing

__all__ = ["broker_version", "classpath", "write_lock"]

BROKER = Path(__file__).with_name("jgo.toml")
SERVER = "kafka_2.13"
FETCHES_AT_ONCE = 8


def _lock_of(spec: Path) -> Path:
    return spec.with_suffix(".lock.toml")


def classpath(spec: Path = BROKER) -> str:
    """The class path of what a file of coordinates names: of the broker, or of a tool of the tests.

    Raises ArtifactMissing when a jar cannot be fetched, ArtifactDamaged when one is not the locked one, even fetched
    anew.
    """
    lock = LockFile.load(_lock_of(spec))
    if lock.spec_hash != compute_spec_hash(spec):
        raise ArtifactDamaged(f"{_lock_of(spec).name} is older than {spec.name}: run `make lock`")
    maven = _maven()
    with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        jars = list(pool.map(lambda locked: _jar(maven, locked, spec), lock.dependencies))
    return ":".join(str(jar) for jar in jars)


def broker_version() -> str:
    """The version of Kafka that the lock names."""
    locked = LockFile.load(_lock_of(BROKER)).dependencies
    return next(one.version for one in locked if one.artifactId == SERVER)


def _jar(maven: MavenContext, locked: LockedDependency, spec: Path) -> Path:
    component = maven.project(locked.groupId, locked.artifactId).at_version(locked.version)
    artifact = component.artifact(locked.classifier or "", locked.packaging)
    jar = _fetched(artifact)
    if compute_sha256(jar) != locked.sha256:
        # An earlier fetch may have been cut off: once more, then give up.
        jar.unlink()
        jar = _fetched(artifact)
        if compute_sha256(jar) != locked.sha256:
            raise ArtifactDamaged(f"{jar} is not the file that {_lock_of(spec).name} names: its SHA-256 differs")
    return jar


def _fetched(artifact: Artifact) -> Path:
    try:
        return Path(artifact.resolve())
    except (OSError, RuntimeError) as error:
        raise ArtifactMissing(
            f"{artifact.filename} cannot be fetched: {error}. The first start needs the network; "
            f"later ones take what lies in {artifact.context.repo_cache}."
        ) from error


def _maven() -> MavenContext:
    return MavenContext(repo_cache=GlobalSettings.load().repo_cache)


def write_lock(spec: Path = BROKER) -> None:
    """Resolve a file of coordinates again and write its lock."""
    with TemporaryDirectory() as cache:
        builder = EnvironmentBuilder(context=_maven(), cache_dir=Path(cache))
        lock = builder.resolve_lockfile(EnvironmentSpec.load(spec))
    lock.spec_hash = compute_spec_hash(spec)
    lock.save(_lock_of(spec))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_lock(Path(name))
