"""The web page and the REST API: what a key-account team looks at, read from Redis alone.

``words``, ``format``, ``board``, ``alarms``, ``grid``, ``freshness``, ``charts`` and ``rows`` are pure: they turn
tables into what is shown, and are tested without a browser. ``feed`` keeps one copy of the tables in memory for
all visitors, ``api`` and ``pages`` serve it. NiceGUI and FastAPI are imported in ``api``, ``pages`` and ``server``
only, which the command loads: they come with ``pip install 'kamstream[dashboard]'``.
"""
