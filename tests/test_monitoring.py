"""What watches the service asks for what the service tells: alert rules of Prometheus, the dashboard of Grafana."""

import json
import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, see requirements/

ROOT = Path(__file__).parent.parent
OPERATIONS = ROOT / "docs" / "operations.md"


def asked_for() -> set[str]:
    """The metrics that alert rules and the dashboard ask for."""
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "callscribe.json").read_text())
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return {name for expr in (*rules, *panels) for name in re.findall(r"\bcallscribe_\w+", expr)}


def test_alerts_and_dashboard_ask_for_metrics_that_are_told() -> None:
    told = set(re.findall(r"callscribe_\w+", OPERATIONS.read_text()))
    for row in re.findall(r"^\| (`callscribe_[^|]*) \|", OPERATIONS.read_text(), re.MULTILINE):
        first, *rest = re.findall(r"`([^`{]+)", row)
        told |= {first.rpartition("_")[0] + short.removeprefix("…") for short in rest if short.startswith("…")}
    lacking = {name for name in asked_for() if not {name, name.removesuffix("_bucket")} & told}
    assert lacking == set()


def test_an_alert_names_what_its_expression_can_fill_in() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert set(re.findall(r"{{ (\$\w+)", rule["annotations"]["summary"])) <= {"$labels", "$value"}
