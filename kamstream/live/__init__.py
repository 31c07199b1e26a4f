"""The live tables in Redis: where everything stands, who may write it, and how it is read."""

from kamstream.live.errors import RedisAway, RedisLost, Superseded
from kamstream.live.layout import Layout
from kamstream.live.link import Link, check_server, connect
from kamstream.live.pending import Pending, TableId, merged
from kamstream.live.reader import Health, LiveReader, LiveTable, Meta, Update
from kamstream.live.scripts import SCRIPTS
from kamstream.live.sharing import Written
from kamstream.live.standing import Options, Owner, Source
from kamstream.live.writer import Document, LiveWriter, note_recovering

__all__ = [
    "SCRIPTS",
    "Document",
    "Health",
    "Layout",
    "Link",
    "LiveReader",
    "LiveTable",
    "LiveWriter",
    "Meta",
    "Options",
    "Owner",
    "Pending",
    "RedisAway",
    "RedisLost",
    "Source",
    "Superseded",
    "TableId",
    "Update",
    "Written",
    "check_server",
    "connect",
    "merged",
    "note_recovering",
]
