"""A review pack for a meeting: one self-contained HTML page about an account, a KAM or the company. Pure."""

from kamstream.report.language import LANGUAGES
from kamstream.report.lives import concerns, lives, still_active
from kamstream.report.lookback import alerts_since, look_back, watching
from kamstream.report.material import Earlier, Life, LookBack, Material, OpenDeal, Outlook, Subject
from kamstream.report.opendeals import open_deals, outlooks
from kamstream.report.page import page

__all__ = [
    "LANGUAGES",
    "Earlier",
    "Life",
    "LookBack",
    "Material",
    "OpenDeal",
    "Outlook",
    "Subject",
    "alerts_since",
    "concerns",
    "lives",
    "look_back",
    "open_deals",
    "outlooks",
    "page",
    "still_active",
    "watching",
]
