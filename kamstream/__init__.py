"""kamstream: CRM events in, live KPI tables and threshold alerts out."""

from kamstream import native as native  # first: it says whether all others may be compiled

__version__ = "0.1.0"
