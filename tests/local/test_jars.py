"""What a local Kafka is put together from."""

from pathlib import Path

import pytest

from kamstream.local.jars import cache_dir, digest, fetch, locked_jars
from kamstream.local.java import release_of
from kamstream.local.server import ServiceError


def test_every_locked_jar_has_its_own_place_and_a_sha256() -> None:
    jars = locked_jars()
    assert len({jar.path(Path()) for jar in jars}) == len(jars) == 45
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert Path("org/apache/kafka/kafka_2.13/4.3.1/kafka_2.13-4.3.1.jar") in [jar.path(Path()) for jar in jars]


def test_the_cache_folder_is_the_one_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("KAMSTREAM_CACHE", raising=False)
    assert cache_dir() == tmp_path / "xdg" / "kamstream"
    monkeypatch.setenv("KAMSTREAM_CACHE", str(tmp_path / "own"))
    assert cache_dir() == tmp_path / "own"


def test_a_cache_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KAMSTREAM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ServiceError, match=r"cannot use the cache folder .*KAMSTREAM_CACHE"):
        cache_dir()


@pytest.mark.integration
def test_a_jar_that_a_cut_download_left_behind_is_fetched_anew(tmp_path: Path) -> None:
    jar = next(jar for jar in locked_jars() if jar.name == "jspecify")
    path = jar.path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK half of it")
    fetch(jar, tmp_path)
    assert digest(path) == jar.sha256


@pytest.mark.parametrize(("release", "expected"), [('JAVA_VERSION="25.0.2"', 25), ('JAVA_VERSION="1.8.0_452"', 8)])
def test_the_release_of_a_runtime_is_read_beside_it(tmp_path: Path, release: str, expected: int) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "release").write_text(release + "\n")
    assert release_of(tmp_path / "bin" / "java") == expected


def test_a_runtime_that_does_not_run_has_no_release(tmp_path: Path) -> None:
    assert release_of(tmp_path / "bin" / "java") == 0
