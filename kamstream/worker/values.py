"""Value changes as records of ``kam.kpis``: one per id, KPI and window, keyed by the id.

``_values`` does the same compiled.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
from aiokafka.producer.message_accumulator import BatchBuilder

from kamstream.events import murmur2
from kamstream.native import COMPILED
from kamstream.windows import to_text
from kamstream.worker.parcels import LIMIT, pack_plain

if TYPE_CHECKING:
    from kamstream.engine import TableChange


class PlainRows:
    """Makes records; what is the same for all records of a field is encoded once.

    ``units``: KPI to unit, which a KPI's statistics share. ``partitions``: those of the topic.
    """

    def __init__(self, units: Mapping[str, str], partitions: int) -> None:
        self._units = units
        self._partitions = partitions
        self._fields: dict[str, bytes] = {}

    def packed(
        self, changes: "Iterable[TableChange]", now: int, *, nulls: bool = True, limit: int = LIMIT
    ) -> list[tuple[int, BatchBuilder]]:
        """A record of every changed field, in batches with their partitions; an id that is gone has none.

        Without ``nulls`` the fields of whole tables that have no data are left out.
        """
        return pack_plain(self._rows(changes, nulls), now, limit)

    def _rows(self, changes: "Iterable[TableChange]", nulls: bool) -> Iterable[tuple[int, bytes, bytes]]:
        encode = msgspec.json.encode
        for change in changes:
            if change.gone:
                continue
            key = change.id.encode()
            partition = murmur2(key) % self._partitions
            head = b'{"scope":"%b","id":%b,' % (change.scope.encode(), encode(change.id))
            tail = b',"as_of":"%b"}' % to_text(change.as_of).encode()
            left_out = None if nulls or not change.full else (None, 0)
            for field, value in change.values.items():
                if value == left_out:
                    continue
                middle = self._fields.get(field) or self._middle(field)
                yield partition, key, middle % (head, encode(value[0]), encode(value[1]), tail)

    def _middle(self, field: str) -> bytes:
        parts = [part.encode().replace(b"%", b"%%") for part in said_of(field, self._units)]
        made = b'%%b"kpi":"%b","window":"%b","value":%%b,"n":%%b,"unit":"%b"%%b' % tuple(parts)
        self._fields[field] = made
        return made


def said_of(field: str, units: Mapping[str, str]) -> tuple[str, str, str]:
    """KPI, window and unit of a field.

    >>> said_of("response_time.p90:30d", {"response_time": "s"})
    ('response_time.p90', '30d', 's')
    """
    kpi, _, window = field.rpartition(":")
    return kpi, window, units.get(kpi) or units.get(kpi.split(".")[0], "")


if TYPE_CHECKING or not COMPILED:
    Rows = PlainRows
else:
    from kamstream.worker._values import Rows

__all__ = ["PlainRows", "Rows", "said_of"]
