from collections.abc import Mapping

from kamstream.engine.restoring import Sorted

def sort_rows(rows: Mapping[bytes, bytes]) -> Sorted: ...
