"""kamstream: CRM events in, live KPI tables and threshold alerts out."""

__version__ = "0.1.0"
