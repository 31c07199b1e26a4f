"""What can go wrong between a writer and Redis, as three things a caller can act on."""


class RedisAway(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Redis did not answer, or refused (full, loading, read-only): keep the ids and try again.

    Nothing of the call counts as written; parts of it may be.
    """


class RedisLost(Exception):  # noqa: N818 - likewise
    """Redis came back empty or older, or this owner has not written everything yet: call ``project_all``."""


class Superseded(Exception):  # noqa: N818 - likewise
    """Redis holds the mark of a newer owner of this partition: stop writing for it."""
