"""Sending through Apprise: mail, Slack, Teams, webhooks and the rest."""

import asyncio
import logging

import apprise
import stamina

from kamstream.notify.letter import Letter

_KINDS = {"info": "info", "warning": "warning", "critical": "failure"}
#: A send that has not come back by then has failed.
TIMEOUT_S = 30.0


class NotSentError(Exception):
    """The address did not take the message; the text names its kind, never its secrets."""


def can_send(url: str) -> bool:
    """Whether Apprise knows how to send to this address."""
    # Apprise logs the address, password and all, when it cannot read one.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return bool(apprise.Apprise().add(url))


class Courier:
    """Sends one letter to one address, trying a few times; what stays down is the caller's to try later."""

    def __init__(self, *, attempts: int = 3, wait_s: float = 0.5, timeout_s: float = TIMEOUT_S) -> None:
        """`attempts` per send, waiting `wait_s` (growing, with jitter) between them."""
        self._attempts = attempts
        self._wait_s = wait_s
        self._timeout_s = timeout_s

    async def send(self, url: str, letter: Letter) -> None:
        """Deliver, or raise NotSentError."""
        async for attempt in stamina.retry_context(
            on=NotSentError, attempts=self._attempts, timeout=None, wait_initial=self._wait_s
        ):
            with attempt:
                await self._once(url, letter)

    async def _once(self, url: str, letter: Letter) -> None:
        kind = url.partition(":")[0]
        channel = apprise.Apprise()
        if not channel.add(url):
            raise NotSentError(f"{kind}: not an address that can be sent to")
        notify_type = "success" if letter.over else _KINDS[letter.severity]
        try:
            async with asyncio.timeout(self._timeout_s):
                sent = await channel.async_notify(
                    title=letter.title,
                    body=letter.body,
                    notify_type=apprise.NotifyType(notify_type),
                    body_format=apprise.NotifyFormat.TEXT,
                )
        except TimeoutError:
            raise NotSentError(f"{kind}: no answer within {self._timeout_s:g} s") from None
        if not sent:
            raise NotSentError(f"{kind}: refused or not reachable")
