"""The streaming worker: Faust carries batches, a pure engine applies them, atomic flushes make them durable.

Faust is the engine room: the app, the agents, the consumer group, the assignor, the rebalance and the commit are its
own. What it does per record, what it does with changelogs and how it recovers tables is replaced, by its own extension
points (a transport, a schema, a table manager), because there it loses and double-counts. The way of an event:

``transport`` one carrier per fetch → ``app`` agents → ``fleet`` → ``partition`` → ``fetching`` decode, apply →
``flush`` rows and watermark to the changelog, rollups, alerts, live tables, value changes → commit. Back after a
crash: ``takeover``.
"""
