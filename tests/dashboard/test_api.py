"""The REST API over a real Redis."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from redis import Redis

from kamstream.dashboard import api, docs
from kamstream.dashboard.feed import Feed
from kamstream.live import LiveReader
from tests.dashboard.conftest import OwnRedis
from tests.dashboard.seed import Seed

pytestmark = pytest.mark.integration


@pytest.fixture
def app(own_redis: OwnRedis) -> Iterator[FastAPI]:
    """The routes alone, without pages."""
    client = Redis.from_url(own_redis.url, decode_responses=True)
    reader = LiveReader(client)
    app = FastAPI(docs_url=None)
    app.include_router(api.router(reader, Feed(reader), "EUR"))
    docs.add(app)
    yield app
    client.close()


@pytest.fixture
def ask(app: FastAPI) -> Any:
    """GET on the API."""
    return TestClient(app).get


def test_rows_come_as_in_the_contract_with_nulls_and_filters(ask: Any, seed: Seed) -> None:
    seed.table("account", "ACC-1", {"conversion_rate:90d": (0.625, 8), "nps:90d": (None, 0), "nps:30d": (3, 1)})
    seed.table("account", "A,2", {"open_tickets:now": (1, 1), "nps:90d": (5, 2)})
    seed.table("company", "all", {"revenue:90d": (7, 1)})
    answer = ask("/api/kpis", params={"id": "ACC-1", "window": "90d", "kpi": "conversion_rate,nps"})
    assert answer.status_code == 200
    found = answer.json()
    assert [(row["kpi"], row["window"], row["value"], row["n"], row["unit"]) for row in found] == [
        ("conversion_rate", "90d", 0.625, 8, "ratio"),
        ("nps", "90d", None, 0, "points"),
    ]
    assert list(found[0]) == ["scope", "id", "kpi", "window", "value", "n", "unit", "as_of"]
    assert found[0]["as_of"].endswith("Z")
    gauges = ask("/api/kpis", params={"scope": "account", "id": "A,2", "window": "90d"}).json()
    assert [row["kpi"] for row in gauges] == ["open_tickets", "nps"]
    assert len(ask("/api/kpis").json()) == 6
    assert {row["scope"] for row in ask("/api/kpis?scope=account,company").json()} == {"account", "company"}
    assert ask("/api/kpis?id=nobody").json() == []


def test_many_accounts_arrive_as_one_array(ask: Any, seed: Seed) -> None:
    for index in range(api.BATCH * 2 + 1):
        seed.table("account", f"ACC-{index}", {"revenue:90d": (index, 1)})
    found = ask("/api/kpis?scope=account").json()
    assert sorted(row["value"] for row in found) == list(range(api.BATCH * 2 + 1))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kpi=profit", "unknown KPI 'profit'"),
        ("window=9x", "'9x' is no window"),
        ("scope=team", "unknown scope 'team'"),
    ],
)
def test_a_wrong_filter_is_refused_with_a_reason(ask: Any, query: str, words: str) -> None:
    answer = ask(f"/api/kpis?{query}")
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_alerts_and_health_are_told(ask: Any, seed: Seed) -> None:
    seed.alert("a1", id="ACC-1", kpi="nps", value=4, threshold=10, summary="NPS 4")
    seed.alert("a0", id="ACC-2", kpi="nps", value=40, threshold=10, summary="over", status="resolved")
    told = ask("/api/alerts").json()
    assert [alert["alert_id"] for alert in told["active"]] == ["a1"]
    assert [alert["alert_id"] for alert in told["log"]] == ["a0", "a1"]
    assert told["active"][0]["since"].endswith("Z")
    assert ask("/api/alerts?count=0").json()["log"] == []
    assert ask("/api/health").json() == {
        "state": "loading",
        "message": "Reading the tables: not everything is here yet.",
        "as_of": None,
        "partitions": [],
    }


def test_without_redis_the_api_says_503(ask: Any, own_redis: OwnRedis) -> None:
    own_redis.stop()
    try:
        assert ask("/api/kpis").status_code == 503
        assert ask("/api/alerts").json() == {"detail": "Redis does not answer"}
    finally:
        own_redis.start()


def test_the_api_page_names_every_operation_and_needs_no_network(app: FastAPI, ask: Any) -> None:
    page = ask("/docs").text
    for path in app.openapi()["paths"]:
        assert f"GET {path}" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "/ui/grid" not in page


def test_a_foreign_host_name_is_refused_so_that_no_other_site_can_read_it(address: str) -> None:
    assert httpx.get(f"{address}api/health").status_code == 200
    assert httpx.get(f"{address}api/health", headers={"Host": "evil.example"}).status_code == 400
