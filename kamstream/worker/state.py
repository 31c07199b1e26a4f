"""The states a partition can be in."""

from enum import StrEnum


class State(StrEnum):
    """How a partition does, as ``kam:health`` says it."""

    RECOVERING = "recovering"
    CATCHING_UP = "catching-up"
    LIVE = "live"
