"""The exported schemas: they say what the models say, are up to date, and incompatible changes are named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from kamstream.cli.schema import app
from kamstream.errors import UserError
from kamstream.events import BY_NAME, EVENT_TYPES, Decoder, Event, topic_of
from kamstream.events.compatibility import check, narrowed
from kamstream.events.export import documents, example_of, export, schema_of
from tests.events.drafts import NOW, RULES, document

SCHEMAS = Path(__file__).parents[2] / "schemas"
NAMES = [kind.name for kind in EVENT_TYPES]


def validator(name: str) -> jsonschema.Draft202012Validator:
    formats = jsonschema.FormatChecker(formats=["date"])
    return jsonschema.Draft202012Validator(schema_of(BY_NAME[name]), format_checker=formats)


VALIDATORS = {name: validator(name) for name in NAMES}


def test_the_files_in_schemas_are_those_of_the_models() -> None:
    stored = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()}
    assert stored == documents(), "run: kamstream schema export schemas"


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_one_and_its_examples_are_accepted_by_both(name: str) -> None:
    schema = schema_of(BY_NAME[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    for example in schema["examples"]:
        VALIDATORS[name].validate(example)
        assert isinstance(Decoder(RULES).decode_line(json.dumps(example).encode(), now=NOW), Event)


# Without amounts of more than 2 decimals and times beside the calendar: the schemas leave those to the decoder.
VALUES: list[Any] = [None, True, False, 0, 1, 5, 9.0, 9.5, 11, -1, 0.5, 1.01, 10**12, 10**12 + 1, 10**30, "", "x"]
VALUES += ["x" * 128, "x" * 129, "a\tb", "EUR", "USD", "usd", "EURO", "email", "inbound", "agent", "high", "backfill"]
VALUES += ["2026-11-24", "2026-02-30", "2026-13-01", "2026-11-24T14:20:00Z", "2026-11-24t14:20:00.5+01:00"]
VALUES += ["2026-11-24T14:20:00", "2026-11-24T25:00:00Z", [], ["P"], ["P", 1], [""], [None], {}, {"a": 1}, "1.0"]
VALUES += [[{"kpi": "nps", "window": "90d", "target": 5}], [{"kpi": "nps", "window": "90d"}], [{"kpi": 1}]]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_a_schema_and_the_decoder_agree_on_mutated_examples(name: str, data: st.DataObject) -> None:
    event = copy.deepcopy(document(name))
    for _ in range(data.draw(st.integers(1, 2))):
        target = data.draw(st.sampled_from([event, event["data"]])) if isinstance(event.get("data"), dict) else event
        field = data.draw(st.sampled_from([*sorted(target), "unknown", *BY_NAME[name].model.model_fields]))
        if data.draw(st.booleans()):
            target[field] = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
        else:
            target.pop(field, None)
    verdict = Decoder(RULES).decode_line(json.dumps(event).encode(), now=NOW)
    accepted = getattr(verdict, "code", None) in (None, "unknown-currency", "future-time")
    assert VALIDATORS[name].is_valid(event) is accepted, verdict


def test_amounts_that_doubles_cannot_divide_are_accepted_by_the_schema() -> None:
    for cents in range(1, 1000):
        VALIDATORS["contract.changed"].validate(
            {**example_of(BY_NAME["contract.changed"]), "data": {"contract_id": "C", "annual_value": cents / 100}}
        )


def test_asyncapi_names_every_topic_and_refers_to_nothing_that_is_missing() -> None:
    files = documents()
    described = yaml.safe_load(files["asyncapi.yaml"])
    addresses = {channel["address"]: set(channel["messages"]) for channel in described["channels"].values()}
    assert set(addresses) == {
        "kam.interactions", "kam.deals", "kam.tickets", "kam.accounts", "kam.kpis", "kam.alerts", "kam.dead-letters",
    }  # fmt: skip
    for name in NAMES:
        assert name in addresses[topic_of(name)]
    for reference in references(described):
        if reference.startswith("./"):
            assert reference.removeprefix("./") in files
            continue
        target = described
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if "$ref" in node else []
    return own + [found for item in node.values() for found in references(item)]


def test_the_export_is_the_same_each_time(tmp_path: Path) -> None:
    export(tmp_path / "a" / "b")
    export(tmp_path / "c")
    files = {path.name: path.read_bytes() for path in (tmp_path / "a" / "b").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "c").iterdir()}
    assert check(tmp_path / "c") == []


def data_of(schema: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schema["properties"]["data"]["properties"]
    return properties


# What an older contract allowed, so that today's is incompatible: (name, type, change to the old schema, line).
CHANGES: list[tuple[str, str, Callable[[dict[str, Any]], Any], str]] = [
    ("a field was optional", "deal.won", lambda s: s["properties"]["data"]["required"].remove("amount"),
     "deal.won: data.amount: the field became required"),
    ("an attribute was optional", "deal.won", lambda s: s["required"].remove("time"),
     "deal.won: time: the field became required"),
    ("there was a field more", "deal.lost", lambda s: data_of(s).update(rival={"type": "string"}),
     "deal.lost: data.rival: the field was removed"),
    ("null was allowed", "deal.won", lambda s: data_of(s).update(amount={"anyOf": [data_of(s)["amount"],
     {"type": "null"}]}), "deal.won: data.amount: type null is no longer accepted"),
    ("text was allowed", "survey.answered", lambda s: data_of(s)["score"].update(type=["integer", "string"]),
     "survey.answered: data.score: type string is no longer accepted"),
    ("any number was allowed", "survey.answered", lambda s: data_of(s)["score"].update(type="number"),
     "survey.answered: data.score: type number is no longer accepted"),
    ("a higher maximum", "survey.answered", lambda s: data_of(s)["score"].update(maximum=100),
     "survey.answered: data.score: maximum went from 100 to 10"),
    ("no minimum", "survey.answered", lambda s: data_of(s)["score"].pop("minimum"),
     "survey.answered: data.score: minimum went from none to 0"),
    ("longer ids", "deal.won", lambda s: s["properties"]["id"].update(maxLength=200),
     "deal.won: id: maxLength went from 200 to 128"),
    ("one value more", "ticket.replied", lambda s: data_of(s)["by"]["enum"].append("partner"),
     'ticket.replied: data.by: value "partner" is no longer accepted'),
    ("any text", "ticket.replied", lambda s: data_of(s)["by"].pop("enum"),
     'ticket.replied: data.by: only "agent", "customer", "bot" is accepted now'),
    ("another default", "ticket.opened", lambda s: data_of(s)["priority"].update(default="low"),
     'ticket.opened: data.priority: the default changed from "low" to "normal"'),
    ("longer items", "deal.won", lambda s: data_of(s)["products"]["anyOf"][0]["items"].update(maxLength=500),
     "deal.won: data.products[]: maxLength went from 500 to 128"),
    ("behind a reference", "account.updated", lambda s: s["$defs"]["Target"]["required"].remove("window"),
     "account.updated: data.targets[].window: the field became required"),
    ("another version", "deal.won", lambda s: s["properties"]["specversion"].update(const="0.3"),
     'deal.won: specversion: value "0.3" is no longer accepted'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "type", "change", "line"), CHANGES, ids=[row[0] for row in CHANGES])
def test_an_incompatible_change_is_one_line(
    name: str, type: str, change: Callable[[dict[str, Any]], Any], line: str, tmp_path: Path
) -> None:
    export(tmp_path)
    schema = json.loads((tmp_path / f"{type}.json").read_text(encoding="utf-8"))
    change(schema)
    (tmp_path / f"{type}.json").write_text(json.dumps(schema), encoding="utf-8")
    assert check(tmp_path) == [line]


WIDENINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "integer"}, {"type": "number"}),
    ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}),
    ({"const": "a"}, {"type": "string"}),
    ({"type": "string", "maxLength": 1, "pattern": "x"}, {"type": "string", "maxLength": 2}),
    ({"type": "object", "required": ["a"], "properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
    ({"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"a": {}, "b": {}}}),
    ({"type": "object"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), WIDENINGS)
def test_what_accepts_more_is_compatible_and_its_reverse_is_not(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert narrowed(old, new) == []
    assert narrowed(new, old) != []


def test_removed_types_moved_topics_and_lost_fields_are_named(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "deal.paused.json").write_text("{}")
    described = yaml.safe_load((tmp_path / "asyncapi.yaml").read_text(encoding="utf-8"))
    moved = described["channels"]["deals"]["messages"].pop("contract.ended")
    described["channels"]["accounts"]["messages"]["contract.ended"] = moved
    described["components"]["schemas"]["kpi"]["properties"]["label"] = {"type": "string"}
    (tmp_path / "asyncapi.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    assert check(tmp_path) == [
        "deal.paused: the type was removed",
        "contract.ended: the topic changed from kam.accounts to kam.deals",
        "kpi: label: the field was removed",
    ]


def test_the_command_exports_and_checks(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(app, ["export", str(tmp_path / "s")]).exit_code == 0
    assert len(list((tmp_path / "s").iterdir())) == len(NAMES) + 1
    assert run(app, ["check", str(tmp_path / "s")]).exit_code == 0
    (tmp_path / "s" / "gone.json").write_text("{}")
    result = run(app, ["check", str(tmp_path / "s")])
    assert (result.exit_code, result.stderr) == (1, "gone: the type was removed\n")


@pytest.mark.parametrize("damage", ["missing", "empty", "bad json", "no object", "bad yaml"])
def test_what_cannot_be_checked_is_said_in_one_line(damage: str, tmp_path: Path) -> None:
    if damage not in ("missing", "empty"):
        export(tmp_path)
    files = {
        "bad json": ("deal.won.json", "{"),
        "no object": ("deal.won.json", "[]"),
        "bad yaml": ("asyncapi.yaml", "a: ["),
    }
    if damage in files:
        (tmp_path / files[damage][0]).write_text(files[damage][1])
    directory = tmp_path / "missing" if damage == "missing" else tmp_path
    result = CliRunner().invoke(app, ["check", str(directory)])
    assert isinstance(result.exception, UserError)
    assert result.exception.exit_code == 1
    assert "\n" not in str(result.exception)
