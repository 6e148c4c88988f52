#!/usr/bin/env python3
"""rules.py PROMTOOL [--table | --mutations]

Tests the alerts of manifests/monitoring with `promtool check rules` and `promtool test rules`. Fails if a case does not
hold, if an alert has no case in which it fires or none in which it does not, if one lacks what a person on call needs, or
if the table in manifests/README.md is not that of the rules. With --table it prints the table. With --mutations
it breaks each rule, in one way after the other, and fails if the cases do not notice."""

import os
import re
import subprocess
import sys
import tempfile

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
MANIFESTS = os.path.realpath(os.path.join(HERE, "..", "..", "manifests"))
ANNOTATIONS = {"summary", "description", "runbook"}
SEVERITIES = {"critical", "warning"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def alerts(spec):
    """{name: rule}"""
    rules = [rule for group in spec["groups"] for rule in group["rules"]]
    found = {rule["alert"]: rule for rule in rules}
    if len(found) != len(rules):
        raise ValueError("two alerts have one name")
    return found


def check_form(rules):
    for name, rule in rules.items():
        if set(rule.get("annotations", {})) != ANNOTATIONS:
            yield f"{name}: the annotations must be {', '.join(sorted(ANNOTATIONS))}"
        elif "`" not in rule["annotations"]["runbook"]:
            yield f"{name}: the runbook names no command"
        elif "{{" in rule["annotations"]["runbook"]:
            yield f"{name}: the runbook is a template, so it cannot be in the table"
        if rule.get("labels", {}).get("severity") not in SEVERITIES or len(rule["labels"]) > 1:
            yield f"{name}: it needs one label: a severity, {' or '.join(sorted(SEVERITIES))}"


def check_cases(rules, cases):
    fires, stays = set(), set()
    for case in cases["tests"]:
        for test in case["alert_rule_test"]:
            (fires if test["exp_alerts"] else stays).add(test["alertname"])
    for name in rules:
        if name not in fires:
            yield f"{name}: no case in which it fires"
        if name not in stays:
            yield f"{name}: no case in which it does not fire"
    yield from (f"a case is about {name}, which is no alert" for name in sorted((fires | stays) - set(rules)))


def complete(cases, rules):
    """Adds what promtool demands of an alert that fires and what cannot be otherwise."""
    for case in cases["tests"]:
        for test in case["alert_rule_test"]:
            rule = rules.get(test["alertname"], {})
            constant = {key: text for key, text in rule.get("annotations", {}).items() if "{{" not in text}
            for expected in test["exp_alerts"]:
                expected["exp_labels"] = rule.get("labels", {}) | expected.get("exp_labels", {})
                expected["exp_annotations"] = constant | expected.get("exp_annotations", {})


def promtool(program, spec, cases, commands=("check", "test")):
    """What promtool finds fault with."""
    with tempfile.TemporaryDirectory() as directory:
        for name, content in (("rules.yaml", {"groups": spec["groups"]}), ("test.yaml", cases)):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                yaml.safe_dump(content, file, sort_keys=False)
        for command in commands:
            words = [command, "rules", {"check": "rules.yaml", "test": "test.yaml"}[command]]
            done = subprocess.run([program, *words], cwd=directory, capture_output=True, text=True, check=False)
            if done.returncode:
                yield f"promtool {' '.join(words)}:\n{done.stdout}{done.stderr}"


def mutations(rule):
    """The rule, broken in one place each: (what was done, the rule)."""
    if "for" in rule:
        yield "without `for`", {key: value for key, value in rule.items() if key != "for"}
    for pattern, replacement in (
        (r"==", "!="), (r"(?<![<>=!])>(?!=)", "<="), (r">=", "<"), (r"<=", ">"), (r"(?<![<>=!])<(?!=)", ">="),
        (r"\bunless\b", "and"), (r"\band\b", "unless"), (r"\bmax\(", "("), (r"\bmin\(", "max("), (r"\bmin by\b", "max by"),
        (r"\bmax by \([^)]*\)", ""), (r"\babsent\(", "count("), (r"\[\d+m\]", "[3m]"), (r"\[1h:", "[2m:"), (r"=~\"[^\"]*\"", "=~\".*\""),
    ):
        for found in re.finditer(pattern, rule["expr"]):
            text = rule["expr"][:found.start()] + replacement + rule["expr"][found.end():]
            yield f"`{found[0]}` at {found.start()} is `{replacement}`", rule | {"expr": text}


def check_mutations(program, rules, cases):
    for name, rule in rules.items():
        # Only what is about this alert: it is many times as fast.
        own = [case | {"alert_rule_test": [test for test in case["alert_rule_test"] if test["alertname"] == name]} for case in cases["tests"]]
        own = cases | {"tests": [case for case in own if case["alert_rule_test"]]}
        for what, broken in mutations(rule):
            if not list(promtool(program, {"groups": [{"name": "broken", "rules": [broken]}]}, own, ("test",))):
                yield f"{name}: the cases hold too if it is {what}: {broken['expr']}"


def table(rules):
    lines = ["| alert | severity | after | what it means, what to look at |", "|---|---|---|---|"]
    for name, rule in rules.items():
        runbook = " ".join(rule["annotations"]["runbook"].split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {rule['labels']['severity']} | {rule.get('for', 'at once')} | {runbook} |")
    return "\n".join(lines)


def check_table(rules):
    with open(os.path.join(MANIFESTS, "README.md"), encoding="utf-8") as file:
        written = re.search(r"^\| alert \|.*?(?=\n\n|\Z)", file.read(), re.MULTILINE | re.DOTALL)
    if not written or written[0] != table(rules):
        yield "the table of alerts in manifests/README.md is not that of the rules: rules.py PROMTOOL --table prints it"


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(words) != 1:
        sys.exit(__doc__)
    spec, cases = read(os.path.join(MANIFESTS, "monitoring", "rules.yaml"))["spec"], read(os.path.join(HERE, "rules.test.yaml"))
    rules = alerts(spec)
    if "--table" in sys.argv:
        print(table(rules))
        return
    complete(cases, rules)
    if "--mutations" in sys.argv:
        found = list(check_mutations(words[0], rules, cases))
        print("\n".join(found) if found else "the cases notice each mutation")
        sys.exit(1 if found else 0)
    found = [*check_form(rules), *check_cases(rules, cases), *check_table(rules)]
    found += promtool(words[0], spec, cases)
    print("\n".join(found) if found else f"{len(rules)} alerts fire when they should, and not otherwise")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
