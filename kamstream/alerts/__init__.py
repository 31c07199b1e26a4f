"""Threshold alerts: rules (YAML), their life, records and routing. Pure: no clock, no network."""

from kamstream.alerts.life import Reason, State, Status, Step, advance, close, due
from kamstream.alerts.load import RuleError, load_rules, parse_rules
from kamstream.alerts.record import AlertRecord, make
from kamstream.alerts.rules import Measure, Rule, Ruleset, measures

__all__ = [
    "AlertRecord",
    "Measure",
    "Reason",
    "Rule",
    "RuleError",
    "Ruleset",
    "State",
    "Status",
    "Step",
    "advance",
    "close",
    "due",
    "load_rules",
    "make",
    "measures",
    "parse_rules",
]
