"""The environment of Quix Streams: it pins older versions of what kamstream uses, so it gets one of its own."""

import subprocess
import sys
from pathlib import Path

from kamstream.local.jars import cache_dir

PACKAGES = ("quixstreams==3.28.1", "msgspec>=0.19", "redis>=5.2", "hiredis>=3.0")


def quix_python() -> Path:
    """The interpreter of that environment, made once in the cache folder."""
    folder = cache_dir() / "bench" / f"{PACKAGES[0].replace('==', '-')}-py{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True
        )
        (folder / "complete").touch()
    return python
