"""Kafka Streams: fetching its jars, compiling the contender, and the command that runs it.

What is fetched goes to the same cache and is checked against the SHA-256 below, like Kafka's own jars. The compiler is
Eclipse's, a jar too: the Java runtime that comes in a wheel has none.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from kamstream.local.jars import KAFKA_VERSION, Jar, cache_dir, class_path, fetch, locked
from kamstream.local.java import find_java
from tests.benchmarks.bed import Bed, Job
from tests.benchmarks.contenders import Start, surroundings

SOURCES = Path(__file__).with_name("kafka_streams")
STREAMS = Jar(
    "org.apache.kafka",
    "kafka-streams",
    KAFKA_VERSION,
    "bd73f3805e116f711e8456ee89a8a5b43ff5dcf5a5bb865afae29deae89e7c4b",
)
ROCKSDB = Jar("org.rocksdb", "rocksdbjni", "10.1.3", "e7f925287d9fe2574fb7c7a86f7facaa9b8ab602a2eed0e598bf633528121498")
COMPILER = Jar("org.eclipse.jdt", "ecj", "3.40.0", "05cc22a24e7982970f63a405fc6c820bc80b806f27f3c5a6236fc475f8f7152b")
#: A heap that holds the state with room to spare, and the collector that costs least where pauses do not matter.
OPTIONS = ("-Xms2g", "-Xmx4g", "-XX:+UseParallelGC", "-XX:ParallelGCThreads=2")


def build() -> str:
    """The class path of the contender, compiled where its sources have changed."""
    cache = cache_dir()
    with locked(cache):
        kafka = class_path(cache)
        for jar in (STREAMS, ROCKSDB, COMPILER):
            if not jar.path(cache / "maven").exists():
                fetch(jar, cache / "maven")
    jars = os.pathsep.join([*(str(jar.path(cache / "maven")) for jar in (STREAMS, ROCKSDB)), kafka])
    sources = sorted(SOURCES.glob("*.java"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    classes = cache / "bench" / f"kafka-streams-{digest}"
    if not classes.exists():
        compiler = [str(find_java().path), "-jar", str(COMPILER.path(cache / "maven")), "-17", "-nowarn"]
        unfinished = classes.with_suffix(".part")
        done = subprocess.run(
            [*compiler, "-cp", jars, "-d", str(unfinished), *map(str, sources)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the Kafka Streams contender does not compile: {done.stdout}{done.stderr}")
        unfinished.rename(classes)
    return os.pathsep.join([str(classes), jars])


class KafkaStreams:
    """The core job on Kafka Streams, with so many threads.

    ``eager``: values go to Redis once a second also while it catches up, not only when it has.
    """

    results = True

    def __init__(self, threads: int, *, store: str = "memory", eager: bool = False, redis_ms: int = 1000) -> None:
        self.name = (
            f"kafka-streams-{threads}" + ("-eager" if eager else "") + ("" if store == "memory" else f"-{store}")
        )
        self._settings = {
            "BENCH_THREADS": str(threads),
            "BENCH_STORE": store,
            "BENCH_EAGER": str(int(eager)),
            "BENCH_REDIS_MS": str(redis_ms),
        }

    def start(self, bed: Bed, job: Job, run: str, folder: Path) -> Start:
        """Under an application id of its own."""
        group = f"bench-{self.name}-{run}"
        command = [str(find_java().path), *OPTIONS, "-cp", build(), "CoreJob"]
        env = {**surroundings(bed, job, group), **self._settings, "BENCH_FOLDER": str(folder / "state")}
        return Start(command, group, env, (group,), f"{group}-state-changelog")
