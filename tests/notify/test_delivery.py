"""Letters through Apprise to a real mail server and a real web server, with outages."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from kamstream.notify.courier import Courier, NotSentError, can_send
from kamstream.notify.desk import Desk, Key
from kamstream.notify.letter import Style, write
from kamstream.notify.notifier import Delivery, wall_clock
from kamstream.notify.plan import Moment, plan
from tests.notify.receivers import Hook, Mailbox, mail_server, web_server
from tests.notify.support import FIRING, RESOLVED, Fake, firing, rules

QUICK = Courier(attempts=2, wait_s=0.01, timeout_s=5)


def desk_for(*urls: str) -> Desk:
    return Desk(rules(f"routes: [{{notify: {list(urls)}}}]"), first_wait_ms=20)


async def until(done: Callable[[], bool], delivery: Delivery) -> None:
    """Run the loop until something holds."""
    task = asyncio.create_task(delivery.run())
    async with asyncio.timeout(20):
        while not done():
            await asyncio.wait([task], timeout=0.02)
            assert not task.done(), task.exception()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def deliver(desk: Desk, notes: Fake, done: Callable[[], bool]) -> None:
    delivery = Delivery(desk, notes, QUICK, Style(dashboard="http://127.0.0.1:8080"))
    asyncio.run(until(done, delivery))


def all_told(notes: Fake, desk: Desk) -> bool:
    return bool(notes.kept()) and all(case.told for case in desk.cases.values())


def test_a_mail_can_be_read_at_a_glance() -> None:
    with mail_server() as box:
        desk, notes = desk_for(box.url), Fake()
        desk.take(0, FIRING, wall_clock())
        deliver(desk, notes, lambda: all_told(notes, desk))
    assert [str(mail["subject"]) for mail in box.mails] == ["Warning: Acme, slow first response"]
    body = text_of(box)
    assert body.splitlines() == [
        "Acme: p90 first response 4h 12m over 7d (limit 4h)",
        "Now: 4h 12m over 7d (8 samples)",
        "Limit: 4h",
        "Since: 2026-11-24 11:00 UTC",
        "http://127.0.0.1:8080/account/ACC-1",
        "Take it on: kamstream alerts ack a1",
    ]


def text_of(box: Mailbox) -> str:
    part = box.mails[-1].get_body(("plain",))
    assert part is not None
    return str(part.get_content()).strip()


def test_the_end_says_how_long_it_lasted_also_in_french() -> None:
    desk = Desk(rules("routes: [{to_manager: true}]\nmanagers: {kam-7: {name: Ana, language: fr, notify: [json://a]}}"))
    desk.take(0, FIRING, wall_clock())
    desk.take(0, RESOLVED, wall_clock())
    notices = plan(Moment(wall_clock(), desk.ruleset), desk.cases.values())
    letter = write(notices, "fr", Style())
    assert letter.title == "Résolu: Acme, slow first response"
    assert letter.body.replace("\u202f", " ").replace("\u00a0", " ").splitlines()[1:] == [
        "Dernier : 2 h 30 min sur 7d (8 mesures)",
        "Limite : 4 h",
        "Depuis : 2026-11-24 11:00 UTC",
        "Durée : 2 h (jusqu'à 2026-11-24 13:00 UTC)",
        "Motif de la fin : revenu dans la limite",
    ]
    assert letter.over


def test_a_channel_that_is_down_is_retried_and_the_others_go_on() -> None:
    hook = Hook()
    with web_server(hook):
        pass  # it has a port now, and is gone
    with mail_server() as box:
        desk, notes = desk_for(hook.url, box.url), Fake()
        desk.take(0, FIRING, wall_clock())
        deliver(desk, notes, lambda: len(box.mails) == 1)
        assert hook.posts == []
        with web_server(hook):
            deliver(desk, notes, lambda: all(len(case.told) == 2 for case in desk.cases.values()))
    assert [post["title"] for post in hook.posts] == ["Warning: Acme, slow first response"]
    assert len(box.mails) == 1


def test_a_server_that_answers_500_is_asked_again_until_it_takes_the_letter() -> None:
    with web_server() as hook:
        hook.status = 500
        desk, notes = desk_for(hook.url), Fake()
        desk.take(0, FIRING, wall_clock())
        deliver(desk, notes, lambda: hook.tries >= 5)
        assert notes.notes == {}
        hook.status = 200
        deliver(desk, notes, lambda: all_told(notes, desk))
    assert len(hook.posts) == 1
    assert hook.posts[0]["type"] == "warning"


def test_a_mail_server_that_is_busy_is_asked_again() -> None:
    with mail_server() as box:
        box.refuse = True
        desk, notes = desk_for(box.url), Fake()
        desk.take(0, FIRING, wall_clock())
        deliver(desk, notes, lambda: box.refused >= 3)
        box.refuse = False
        deliver(desk, notes, lambda: all_told(notes, desk))
    assert len(box.mails) == 1


def test_what_is_learned_while_a_letter_is_under_way_is_told_after_it() -> None:
    class Slow(Fake):
        async def send(self, url: str, letter: object) -> None:
            if not self.sent:
                desk.take(0, RESOLVED, wall_clock())
            await super().send(url, letter)  # type: ignore[arg-type]

    courier, desk = Slow(), desk_for("json://a")
    desk.take(0, FIRING, wall_clock())
    delivery = Delivery(desk, courier, courier)
    asyncio.run(until(lambda: len(courier.sent) == 2, delivery))
    assert [letter.title.partition(":")[0] for _, letter in courier.sent] == ["Warning", "Resolved"]


def test_after_a_restart_only_what_was_not_noted_is_told() -> None:
    before, fake = desk_for("json://a", "json://b"), Fake()
    before.take(0, FIRING, wall_clock())
    before.take(0, firing("a2"), wall_clock())
    fake.down.add("json://b")
    asyncio.run(until(lambda: len(fake.kept()) == 2, Delivery(before, fake, fake)))
    after = desk_for("json://a", "json://b")
    after.cases.update(fake.kept())
    again = Fake()
    asyncio.run(until(lambda: bool(again.sent), Delivery(after, again, again)))
    assert [(url, letter.title) for url, letter in again.sent] == [("json://b", "2 alerts: 2 open, 0 resolved")]


@pytest.mark.parametrize("steps", range(5))
def test_it_can_be_stopped_in_the_very_moment_it_is_stirred(steps: int) -> None:
    async def stop() -> bool:
        fake = Fake()
        delivery = Delivery(desk_for("json://a"), fake, fake)
        task = asyncio.create_task(delivery.run())
        await asyncio.wait([task], timeout=0.02)
        delivery.stirred.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=5)
        return task.cancelled()

    assert asyncio.run(stop())


def test_the_courier_says_when_it_cannot_and_keeps_secrets() -> None:
    letter = write(plan(Moment(wall_clock(), desk_for("json://a").ruleset), [_case()]), "en", Style())
    with pytest.raises(NotSentError) as caught:
        asyncio.run(QUICK.send("nothing://user:secret@x", letter))
    assert "secret" not in str(caught.value)
    assert can_send("mailto://user:pass@example.org")
    assert not can_send("nothing://x")


def _case() -> object:
    desk = desk_for("json://a")
    desk.take(0, FIRING, wall_clock())
    return desk.cases[Key(0, "a1")]
