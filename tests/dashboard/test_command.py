"""How the command starts, and how it refuses."""

import socket
import sys
from typing import Any

import pytest

from kamstream.cli.dashboard import dashboard
from kamstream.dashboard.server import Address, listen
from kamstream.errors import UserError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file, and a Redis that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAMSTREAM_REDIS", f"unix://{tmp_path}/nothing.sock")


def run(**options: Any) -> None:
    dashboard(**({"host": "127.0.0.1", "port": 0, "stale_after": 15.0, "settings": None} | options))


def test_redis_away_at_the_start_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"^Redis at \S+nothing\.sock does not answer: [^\n]+$") as refused:
        run()
    assert refused.value.exit_code == 1


def test_a_missing_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nicegui", None)
    for name in [name for name in sys.modules if name.startswith("kamstream.dashboard.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=r"^the dashboard is an extra: pip install 'kamstream\[dashboard\]'$"):
        run()


def test_a_host_that_others_can_reach_is_warned_about(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError):
        run(host="0.0.0.0")
    assert "there is no authentication" in capsys.readouterr().err
    with pytest.raises(UserError):
        run(host="localhost")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.7", False), ("dash.example", False)],
)  # fmt: skip
def test_only_loopback_counts_as_local(host: str, local: bool) -> None:
    assert Address(host, 0).local is local


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"^cannot serve the dashboard at 127\.0\.0\.1:{port}: Address already"):
            listen(Address("127.0.0.1", port))
