"""Value changes as rows for ``kam.kpis``: one record per id, KPI and window, keyed by the id."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from kamstream.windows import to_text

if TYPE_CHECKING:
    from kamstream.engine import TableChange


class Rows:
    """Makes rows; what is the same for all rows of a field is encoded once."""

    def __init__(self, units: Mapping[str, str]) -> None:
        self._units = units
        self._fields: dict[str, bytes] = {}

    def of(self, changes: "Iterable[TableChange]") -> Iterable[tuple[bytes, bytes]]:
        """(key, value) of every changed field; an id that is gone has no rows."""
        encode = msgspec.json.encode
        for change in changes:
            if change.gone:
                continue
            key = change.id.encode()
            head = b'{"scope":"%b","id":%b,' % (change.scope.encode(), encode(change.id))
            tail = b',"as_of":"%b"}' % to_text(change.as_of).encode()
            for field, (value, n) in change.values.items():
                middle = self._fields.get(field) or self._middle(field)
                yield key, middle % (head, encode(value), encode(n), tail)

    def _middle(self, field: str) -> bytes:
        kpi, _, window = field.rpartition(":")
        unit = self._units.get(kpi) or self._units.get(kpi.split(".")[0], "")
        parts = [part.encode().replace(b"%", b"%%") for part in (kpi, window, unit)]
        made = b'%%b"kpi":"%b","window":"%b","value":%%b,"n":%%b,"unit":"%b"%%b' % tuple(parts)
        self._fields[field] = made
        return made
