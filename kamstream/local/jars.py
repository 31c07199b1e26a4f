"""Kafka's jars.

A lock file lists them with their SHA-256, Maven Central has them, the user's cache keeps them.
"""

import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from kamstream.local.server import ServiceError

KAFKA_VERSION = "4.3.1"
LOCK_FILE = Path(__file__).with_name(f"kafka-{KAFKA_VERSION}.lock")


@dataclass(frozen=True)
class Jar:
    """One line of the lock file."""

    group: str
    name: str
    version: str
    sha256: str

    def path(self, repository: Path) -> Path:
        """Where it lies in a Maven repository folder."""
        return repository.joinpath(*self.group.split("."), self.name, self.version, f"{self.name}-{self.version}.jar")


def locked_jars() -> list[Jar]:
    """The lock file's jars, in its order (which is the class path's)."""
    jars = []
    for line in LOCK_FILE.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, sha256 = line.split()
            group, name, version = coordinate.split(":")
            jars.append(Jar(group, name, version, sha256))
    return jars


def cache_dir() -> Path:
    """``$KAMSTREAM_CACHE``, else ``kamstream`` in the user's cache folder; made if missing."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    cache = Path(os.environ.get("KAMSTREAM_CACHE") or Path(base) / "kamstream").expanduser().resolve()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceError(
            f"cannot use the cache folder {cache}: {error.strerror} (KAMSTREAM_CACHE sets another)"
        ) from None
    return cache


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Only one process at a time fills the cache."""
    with (cache / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def class_path(cache: Path) -> str:
    """Java's class path, after fetching what is missing; the caller holds ``locked``."""
    repository = cache / "maven"
    jars = locked_jars()
    # Written after every jar has been checked, so a cut download is noticed and checked jars are not read
    # again.
    checked = cache / f"kafka-{KAFKA_VERSION}.checked"
    fingerprint = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
    intact = checked.exists() and checked.read_text() == fingerprint
    if not intact or not all(jar.path(repository).exists() for jar in jars):
        fetch_all(jars, repository)
        checked.write_text(fingerprint)
    return os.pathsep.join(str(jar.path(repository)) for jar in jars)


def fetch_all(jars: list[Jar], repository: Path) -> None:
    """Fetch and check the jars, several at a time, with a progress bar on a terminal."""
    console = Console(stderr=True)
    with ThreadPoolExecutor(8) as pool:
        done = pool.map(lambda jar: fetch(jar, repository), jars)
        what = f"Fetching Apache Kafka {KAFKA_VERSION} (44 MB, once)"
        for _ in track(done, what, len(jars), console=console, disable=not sys.stderr.isatty(), transient=True):
            pass


def fetch(jar: Jar, repository: Path) -> None:
    """Fetch one jar if it is not there.

    ServiceError when that fails or its SHA-256 is not the lock file's.
    """
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
        from jgo.maven import MavenContext  # noqa: PLC0415 (an optional dependency, needed for the first start only)
    except ImportError:
        raise ServiceError("a local Kafka needs kamstream[local]; or set KAMSTREAM_KAFKA to a running broker") from None
    path = jar.path(repository)
    # What a cut download has left behind would count as present.
    if path.exists() and digest(path) != jar.sha256:
        path.unlink()
    # A company's own mirror, where jgo's configuration names one, is asked first.
    remotes = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    maven = MavenContext(repo_cache=repository, remote_repos=remotes, timeout=60)
    try:
        maven.project(jar.group, jar.name).at_version(jar.version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        # requests' errors are OSErrors; jgo's own are RuntimeErrors.
        reason = str(error).splitlines()[0][:200]
        raise ServiceError(f"cannot fetch {jar.name}-{jar.version}.jar for a local Kafka: {reason}") from None
    if digest(path) != jar.sha256:
        path.unlink()
        raise ServiceError(f"{jar.name}-{jar.version}.jar from Maven is not the expected file (SHA-256 differs)")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
