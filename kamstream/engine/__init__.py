"""The engine: the pure core that the worker, the offline tools and the tests run."""

from kamstream.engine.config import COMPANY_ID, SCOPES, Config
from kamstream.engine.engine import Engine, Flush
from kamstream.engine.tables import TableChange, Value

__all__ = ["COMPANY_ID", "SCOPES", "Config", "Engine", "Flush", "TableChange", "Value"]
