"""The page in a real browser over a real Redis: what a key-account team sees, and that it moves by itself."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.dashboard.conftest import OwnRedis, dashboard
from tests.dashboard.seed import Seed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def company(seed: Seed) -> None:
    """Three accounts of two managers, one alert."""
    fields = {"revenue:30d": (2_802_496.0, 8), "revenue:90d": (5_000_000.0, 20), "oldest_wait:now": (11_520.0, 2)}
    fields |= {"open_tickets:now": (4, 4), "conversion_rate:30d": (0.625, 8), "conversion_rate:90d": (0.5, 20)}
    empty = {"revenue:30d": (0, 0), "revenue:90d": (0, 0), "oldest_wait:now": (None, 0)}
    empty |= {"open_tickets:now": (0, 0), "conversion_rate:30d": (None, 0), "conversion_rate:90d": (None, 0)}
    seed.table("account", "ACC-1", fields, name="Acorn <b>Foods</b>", kam_id="kam-1", tier="key")
    seed.table("account", "ACC-2", empty, name="Bluewater", kam_id="kam-2", tier="growth")
    seed.table("account", "A/3?x", fields, name="Cobalt", kam_id="kam-2", tier="key")
    seed.table("kam", "kam-1", fields, name="Amélie Laurent")
    seed.table("kam", "kam-2", fields, name="Jonas Weber")
    seed.table("company", "all", fields)
    text = "Acorn: conversion rate 62.5% over 30d (limit 70%)"
    seed.alert("a1", id="ACC-1", kpi="conversion_rate", severity="critical", value=0.625, threshold=0.7, summary=text)
    seed.health()


def expect(locator: Any) -> Any:
    """Playwright's waiting assertions."""
    from playwright.sync_api import expect

    return expect(locator)


def cell(page: Any, id: str, kpi: str) -> Any:
    """A cell of the grid."""
    return page.locator(f'.ag-row[row-id="{id}"] .ag-cell[col-id="{kpi}"]')


def test_values_are_readable_with_their_n_and_no_data_is_a_dash(address: str, visit: Visit) -> None:
    page = visit(address)
    expect(cell(page, "ACC-1", "revenue")).to_have_text("€2,802,496n 8")
    expect(cell(page, "ACC-1", "oldest_wait")).to_have_text("3h 12mn 2")
    expect(cell(page, "ACC-1", "open_tickets")).to_have_text("4")
    expect(cell(page, "ACC-2", "conversion_rate")).to_have_text("—n 0")
    expect(cell(page, "ACC-2", "oldest_wait")).to_have_text("—n 0")
    expect(cell(page, "ACC-2", "open_tickets")).to_have_text("0")
    expect(page.locator('[data-card="revenue:30d"] .value')).to_have_text("€2,802,496")
    expect(page).to_have_title("Accounts · kamstream")
    # A name is text, whatever it holds.
    expect(page.locator('.ag-row[row-id="ACC-1"] .who-name').first).to_have_text("Acorn <b>Foods</b>")


def test_a_changed_value_shows_without_a_reload(address: str, visit: Visit, seed: Seed) -> None:
    page = visit(address)
    expect(cell(page, "ACC-2", "conversion_rate")).to_have_text("—n 0")
    page.evaluate("window.sameDocument = true")
    seed.change("account", "ACC-2", "conversion_rate:30d", 0.4, 5)
    seed.change("account", "ACC-1", "revenue:30d", 2_802_496.0, 9)  # the value stays, its n moves
    seed.change("company", "all", "revenue:30d", 3_000_000.0, 9)
    seed.change("account", "A/3?x", "conversion_rate:30d", None, 0)
    expect(cell(page, "ACC-2", "conversion_rate")).to_have_text("40%n 5")
    expect(cell(page, "ACC-1", "revenue")).to_have_text("€2,802,496n 9")
    expect(cell(page, "A/3?x", "conversion_rate")).to_have_text("—n 0")
    expect(page.locator('[data-card="revenue:30d"] .value')).to_have_text("€3,000,000")
    assert page.evaluate("window.sameDocument") is True


def test_accounts_come_and_go_and_what_the_stream_missed_is_repaired(address: str, visit: Visit, seed: Seed) -> None:
    page = visit(address)
    expect(page.locator("#grid-count")).to_have_text("3 accounts")
    seed.table("account", "ACC-9", {"revenue:30d": (7.5, 1)}, name="Newcomer", kam_id="kam-1")
    expect(cell(page, "ACC-9", "revenue")).to_have_text("€7.50n 1")
    seed.table("account", "ACC-9", {"revenue:30d": (8.5, 2)}, name="Renamed", kam_id="kam-2")
    expect(cell(page, "ACC-9", "revenue")).to_have_text("€8.50n 2")
    expect(cell(page, "ACC-9", "kam")).to_have_text("Jonas Weber")
    seed.remove("account", "ACC-9")
    expect(page.locator('.ag-row[row-id="ACC-9"]')).to_have_count(0)
    expect(page.locator("#grid-count")).to_have_text("3 accounts")


def test_alerts_colour_and_mark_their_value_until_they_resolve(address: str, visit: Visit, seed: Seed) -> None:
    page = visit(address)
    firing = cell(page, "ACC-1", "conversion_rate").locator(".sev-critical")
    expect(firing.locator(".mark")).to_have_text("▲")
    expect(cell(page, "A/3?x", "conversion_rate").locator(".sev-critical")).to_have_count(0)
    panel = page.locator('[data-alert="a1"]')
    expect(panel).to_contain_text("Acorn: conversion rate 62.5% over 30d (limit 70%)")
    expect(panel).to_contain_text("Conversion rate, 30 days: 62.5% now · limit 70% · n 8")
    expect(panel).to_contain_text(re.compile(r"since \d+ \w+, \d\d:\d\d UTC"))
    seed.alert(
        "a2", id="ACC-2", kpi="open_tickets", window="now", severity="warning", value=0, threshold=0, summary="W"
    )
    expect(cell(page, "ACC-2", "open_tickets").locator(".sev-warning .mark")).to_have_text("◆")
    expect(page.locator(".panel .pill", has_text="firing")).to_have_text("2 firing")
    for alert_id, id in (("a1", "ACC-1"), ("a2", "ACC-2")):
        seed.alert(alert_id, id=id, kpi="conversion_rate", severity="critical", value=0.8, threshold=0.7,
                   summary=f"{alert_id} is over", status="resolved")  # fmt: skip
    expect(firing).to_have_count(0)
    expect(page.locator(".panel .pill", has_text="All clear")).to_be_visible()
    expect(page.locator(".alerts .done").first).to_contain_text("a2 is over")


def test_search_finds_accounts_by_manager_name_and_id(address: str, visit: Visit) -> None:
    page = visit(address)
    expect(page.locator("#grid-count")).to_have_text("3 accounts")
    for words, found in (("weber", 2), ("kam-1", 1), ("bluewater", 1), ("a/3", 1), ("nobody", 0)):
        page.get_by_role("searchbox").fill(words)
        expect(page.locator("#grid-count")).to_have_text(f"{found} of 3 accounts")


def test_another_window_and_group_show_their_values_in_place(address: str, visit: Visit) -> None:
    page = visit(address)
    expect(cell(page, "ACC-1", "conversion_rate")).to_have_text("▲62.5%n 8")
    page.get_by_role("button", name="90 days").click()
    expect(cell(page, "ACC-1", "conversion_rate")).to_have_text("50%n 20")
    expect(page.locator('[data-card="revenue:90d"] .value')).to_have_text("€5,000,000")
    page.get_by_role("button", name="Sales").click()
    expect(cell(page, "ACC-1", "open_tickets")).to_have_count(0)
    expect(cell(page, "ACC-1", "revenue")).to_have_text("€5,000,000n 20")
    assert page.url.endswith("?group=sales&window=90d")
    page.reload()
    expect(cell(page, "ACC-1", "revenue")).to_have_text("€5,000,000n 20")


def test_sorting_puts_no_data_last_both_ways(address: str, visit: Visit) -> None:
    page = visit(address)
    head = page.locator('.ag-header-cell[col-id="conversion_rate"] .head')
    for _ in ("falling", "rising"):
        head.click()
        expect(page.locator(".ag-pinned-left-cols-container .ag-row[row-index='2']")).to_have_attribute(
            "row-id", "ACC-2"
        )


def test_an_alert_leads_to_the_account_with_all_kpis_by_window(address: str, visit: Visit, seed: Seed) -> None:
    day = int(time.time()) // 86_400 * 86_400
    seed.history("account", "ACC-1", "revenue:30d", [(day - 86_400, 1.0), (day, 2_802_496.0)])
    page = visit(address)
    page.locator('[data-alert="a1"] a').click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acorn <b>Foods</b>")
    assert page.url.endswith("/account/ACC-1")
    expect(page.locator('[data-field="conversion_rate:30d"]')).to_have_text("▲62.5%n 8")
    expect(page.locator('[data-field="conversion_rate:90d"]')).to_have_text("50%n 20")
    expect(page.locator('[data-field="oldest_wait:now"]')).to_have_text("3h 12mn 2")
    expect(page.locator(".chart svg")).to_be_visible()
    expect(page.locator('[data-alert="a1"]')).to_be_visible()
    seed.change("account", "ACC-1", "conversion_rate:90d", 0.75, 21)
    expect(page.locator('[data-field="conversion_rate:90d"]')).to_have_text("75%n 21")


def test_an_account_page_works_for_any_id_and_waits_for_an_unknown_one(address: str, visit: Visit, seed: Seed) -> None:
    page = visit(address)
    page.locator('.ag-row[row-id="A/3?x"] a.who-name').click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cobalt")
    page.goto(f"{address}account/ACC-77")
    expect(page.locator("#main")).to_contain_text("no live table yet")
    seed.table("account", "ACC-77", {"revenue:30d": (12.0, 1)}, name="Late", kam_id="kam-1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Late")
    expect(page.locator('[data-field="revenue:30d"]')).to_have_text("€12n 1")


def test_a_manager_has_a_portfolio_and_its_alerts(address: str, visit: Visit, seed: Seed) -> None:
    page = visit(f"{address}kams")
    expect(cell(page, "kam-2", "accounts")).to_have_text("2")
    expect(cell(page, "kam-1", "alerts")).to_have_text("▲1")
    page.locator('.ag-row[row-id="kam-1"] a.who-name').click()
    expect(page.locator("#grid-count")).to_have_text("1 account")
    expect(page.locator('[data-alert="a1"]')).to_be_visible()
    seed.table("account", "ACC-5", {"revenue:30d": (1.0, 1)}, name="Won over", kam_id="kam-1")
    expect(page.locator("#grid-count")).to_have_text("2 accounts")
    expect(page.locator('.ag-row[row-id="ACC-2"]')).to_have_count(0)


def test_a_silent_feed_is_visibly_stale_and_comes_back(own_redis: OwnRedis, visit: Visit, seed: Seed) -> None:
    with dashboard(own_redis.url, 2_000) as address:
        seed.health(at=time.time() + 3)
        page = visit(address)
        expect(page.locator(".status")).to_have_text("Live")
        expect(page.locator(".banner")).to_be_hidden()
        expect(page.locator(".banner.stale")).to_contain_text("No update for")
        expect(page.locator(".status")).to_contain_text("Stale, ")
        faded = page.locator('[data-card="revenue:30d"] .value')
        expect(faded).to_have_css("opacity", "0.62")
        seed.health(at=time.time() + 3600)
        expect(page.locator(".status")).to_have_text("Live")
        expect(faded).to_have_css("opacity", "1")


def test_redis_away_is_said_and_over_by_itself(own_redis: OwnRedis, address: str, visit: Visit) -> None:
    page = visit(address)
    expect(page.locator(".status")).to_have_text("Live")
    own_redis.stop()
    try:
        expect(page.locator(".banner.away")).to_contain_text("Redis does not answer")
        expect(cell(page, "ACC-1", "revenue")).to_have_text("€2,802,496n 8")
    finally:
        own_redis.start()
    # It came back empty: the truth is that there are no tables now.
    expect(page.locator(".status")).to_have_text("No worker")
    expect(page.locator("#grid-count")).to_have_text("0 accounts")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_in_light_and_dark(address: str, visit: Visit, scheme: str) -> None:
    page = visit(address, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for path in ("", "kams", "company", "account/ACC-1", "kam/kam-2", "docs"):
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_function(f"document.documentElement.style.colorScheme === '{scheme}'")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) is (scheme == "dark"), path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_colour_scheme_can_be_switched_and_is_remembered(address: str, visit: Visit) -> None:
    page = visit(address, color_scheme="light")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))
    page.reload()
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))


def test_the_page_can_be_used_with_the_keyboard(address: str, visit: Visit) -> None:
    page = visit(address)
    expect(page.locator("#grid-count")).to_have_text("3 accounts")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("bluewater")
    expect(page.locator("#grid-count")).to_have_text("1 of 3 accounts")
    cell(page, "ACC-2", "revenue").click()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Bluewater")
