"""What the README says is so: its tables are those of the code, its commands and programs run as written."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.tables import README, generated
from tests.support.servers import missing

BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = README.read_text()
#: Commands that go on until they are stopped.
SERVING = ("kamstream worker", "kamstream notifier", "kamstream dashboard")


def blocks(language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(TEXT) if name == language]


def test_the_generated_parts_are_those_of_the_code() -> None:
    assert generated(TEXT) == TEXT, "run: python -m tests.docs"


def test_every_path_that_the_readme_names_exists() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (README.parent / link).exists(), link
    for name in re.findall(r"`((?:kamstream|tests|schemas|deploy)/[\w/.]+)`", TEXT):
        assert (README.parent / name).exists() or "in_person" in name, name


def test_make_demo_and_make_test_are_what_the_readme_says(tmp_path: Path) -> None:
    for target in re.findall(r"^make ([a-z]+)", TEXT, re.MULTILINE):
        result = subprocess.run(["make", "-n", target], cwd=README.parent, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


@pytest.mark.integration
def test_every_command_and_program_runs_as_written(tmp_path: Path, kafka: str, redis_url: str, prefix: str) -> None:
    """All of them, in the README's order, in one place, as a reader would who types them one after the other."""
    environment = os.environ | {
        "KAMSTREAM_KAFKA": kafka,
        "KAMSTREAM_REDIS": redis_url,
        "KAMSTREAM_PREFIX": prefix,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    (tmp_path / "schemas").symlink_to(README.parent / "schemas")
    (tmp_path / "alerts.yml").write_text(blocks("yaml")[0])
    (tmp_path / "steering.toml").write_text(blocks("toml")[0])
    if shutil.which("kcat") is None:
        missing("kcat", "apt-get install kcat")
    serving: list[subprocess.Popen[bytes]] = []
    try:
        for language, body in BLOCK.findall(TEXT):
            if language == "python" and "kamstream.kpis.base" not in body:
                run([sys.executable, "-c", body], tmp_path, environment)
            elif language == "sh":
                lines = body.splitlines()
                rest = "\n".join(line for line in lines if not line.startswith(SERVING))
                run(["bash", "-euo", "pipefail", "-c", rest], tmp_path, environment)
                # They stand last in their block, after what they need.
                for line in lines:
                    if line.startswith(SERVING):
                        command = line.removesuffix(" &").split()
                        serving.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
    finally:
        for process in serving:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(60) for process in serving]
    assert codes == [0] * 3


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert result.returncode == 0, f"{command[-1]}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}"


def test_a_kpi_of_ones_own_is_one_file_and_one_line(tmp_path: Path) -> None:
    """The exercise as written: the file, the import, the line; then the doctest and a value."""
    (exercise,) = (body for body in blocks("python") if "in_person_share" in body)
    package = tmp_path / "kamstream"
    shutil.copytree(README.parent / "kamstream", package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (package / "kpis" / "in_person.py").write_text(exercise)
    catalogue = package / "kpis" / "__init__.py"
    text = catalogue.read_text()
    text = text.replace(
        "from kamstream.kpis.base", "from kamstream.kpis.in_person import IN_PERSON\nfrom kamstream.kpis.base", 1
    )
    text = text.replace(
        "    INTERACTION_FREQUENCY,\n    ACTIVE", "    INTERACTION_FREQUENCY,\n    IN_PERSON,\n    ACTIVE", 1
    )
    catalogue.write_text(text)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run([sys.executable, "-m", "doctest", str(package / "kpis" / "in_person.py")], tmp_path, environment)
    lines = [
        f'{{"specversion":"1.0","id":"{n}","source":"crm","type":"interaction.logged","subject":"A","time":"2026-01-0{n}T09:00:00Z",'
        f'"data":{{"interaction_id":"{n}","direction":"outbound","channel":"{channel}"}}}}\n'
        for n, channel in enumerate(("visit", "meeting", "visit", "email", "visit"), 1)
    ]
    (tmp_path / "events.jsonl").write_text("".join(lines))
    command = [
        sys.executable,
        "-m",
        "kamstream",
        "compute",
        "events.jsonl",
        "--kpi",
        "in_person_share",
        "--windows",
        "30d",
        "--json",
    ]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert '"scope":"account","id":"A","kpi":"in_person_share","window":"30d","value":0.75,"n":4' in result.stdout, (
        result.stderr
    )
