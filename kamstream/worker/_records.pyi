from collections.abc import Iterator

class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

class Records:
    topic: str
    partition: int
    begin: int | None

    def __init__(self, topic: str, partition: int) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, at: int) -> Record: ...
    def __iter__(self) -> Iterator[Record]: ...
    def since(self, offset: int) -> Records: ...
    def split(self, most: int) -> tuple[Records, Records]: ...
    def append(
        self,
        buffer: bytes,
        start: int,
        end: int,
        records: int,
        base_offset: int,
        first_timestamp: int,
        append_time: int | None,
        least: int,
    ) -> None: ...
    def extend(self, more: Records) -> None: ...
