#!/usr/bin/env python3
"""dashboard.py [PROMETHEUS_URL]

Looks at the form of the dashboard: each panel has a description, a place of its own, and queries of the datasource that is
chosen above. Then, unless no URL is given, runs every query of the dashboard against a Prometheus, with its variables replaced as Grafana replaces them, and likewise
every expression of the rules. Fails for a query that is an error or yields no series in the last five minutes. An alert's
expression yields nothing while all is well: there, each metric in it must have series. What may be missing is listed
here, with the reason."""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

MONITORING = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "manifests", "monitoring"))
# A query of the dashboard, or a metric with its matchers in a rule, and why a Prometheus of a demo may have none of it.
MAY_BE_MISSING = {
    'kubernetes_watch_restarts_total{reason=~"transport|expired|malformed|too_large"}':
        "a reason is counted from its first time on, and no watch breaks off here",
}
SECONDS = 300
# What stands in an expression like the name of a metric.
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool"}


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/")
        # No proxy: a test's Prometheus is on loopback.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        configuration = self.get("status/config")["yaml"]
        self.interval = seconds(yaml.safe_load(configuration)["global"]["scrape_interval"])

    def get(self, path, **parameters):
        """The data of an answer.

        Raises ValueError with what Prometheus says if it is an error."""
        try:
            with self.opener.open(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def now(self, expression):
        """The series that an expression yields now."""
        return self.get("query", query=expression)["result"]

    def series(self, expression):
        """The series that it yields on a panel of the last minutes."""
        end = time.time()
        return self.get("query_range", query=expression, start=end - SECONDS, end=end, step=max(15, self.interval))["result"]


def seconds(duration):
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([hms])", duration))


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def replaced(expression, interval):
    """As Grafana does it on a panel whose points are 15 s apart."""
    values = {
        "__rate_interval": f"{max(15 + interval, 4 * interval)}s", "__interval": "15s", "__range": f"{SECONDS}s"}
    text = re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], found[0]), expression)
    if "$" in text:
        raise ValueError("a variable that this test does not know")
    return text


def selectors(expression):
    """The metrics in an expression, with their matchers."""
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", expression)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    found = re.findall(r"(?<![\w:\"])([a-zA-Z_:][\w:]*)(\s*\{(?:[^}\"]|\"[^\"]*\")*\})?(?!\s*\(|[\w:\"])", bare)
    return sorted({name + matchers for name, matchers in found if name not in WORDS})


def read_dashboard():
    with open(os.path.join(MONITORING, "dashboard.json"), encoding="utf-8") as file:
        return json.load(file)


def check_form(dashboard):
    datasource, cells, ids = {"type": "prometheus", "uid": "${datasource}"}, {}, set()
    variables = [(variable["name"], variable["type"], variable["query"]) for variable in dashboard["templating"]["list"]]
    if variables != [("datasource", "datasource", "prometheus")]:
        yield f"the variables are {variables}"
    for panel in panels(dashboard):
        title = f"panel \"{panel['title']}\""
        if panel["id"] in ids:
            yield f"{title}: its id is another's"
        ids.add(panel["id"])
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{title}: wider than the page"
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
            if cells.setdefault(cell, title) != title:
                yield f"{title}: it overlaps {cells[cell]}"
                break
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            yield f"{title}: no description"
        if not panel.get("targets") or any(source["datasource"] != datasource for source in (panel, *panel["targets"])):
            yield f"{title}: no query, or one of another datasource"


def check_dashboard(dashboard, prometheus, used):
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            place, expression = f"panel \"{panel['title']}\", query {target['refId']}", target["expr"]
            used.append(expression)
            try:
                text = replaced(expression, prometheus.interval)
                found = prometheus.now(text) if target.get("instant") else prometheus.series(text)
            except ValueError as error:
                yield f"{place}: {error}: {expression}"
                continue
            if not found and expression not in MAY_BE_MISSING:
                yield f"{place}: no series: {expression}"


def check_rules(prometheus, used):
    with open(os.path.join(MONITORING, "rules.yaml"), encoding="utf-8") as file:
        groups = yaml.safe_load(file)["spec"]["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        try:
            prometheus.now(rule["expr"])
        except ValueError as error:
            yield f"alert {rule['alert']}: {error}"
        for selector in selectors(rule["expr"]):
            used.append(selector)
            if not prometheus.series(selector) and selector not in MAY_BE_MISSING:
                yield f"alert {rule['alert']}: no series: {selector}"


def main():
    if len(sys.argv) > 2 or sys.argv[1:] == ["--help"]:
        sys.exit(__doc__)
    dashboard, used = read_dashboard(), []
    found = list(check_form(dashboard))
    if sys.argv[1:]:
        prometheus = Prometheus(sys.argv[1])
        found += [*check_dashboard(dashboard, prometheus, used), *check_rules(prometheus, used)]
        found += [f"listed as what may be missing, but asked by nobody: {query}" for query in MAY_BE_MISSING if query not in used]
    print("\n".join(found) if found else f"{len(used)} queries yield series" if used else "the form is as it should be")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
