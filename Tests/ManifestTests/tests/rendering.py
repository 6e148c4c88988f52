"""Renders the chart, with Helm's engine, and kustomizations, with two versions of kubectl; tells what differs."""

import functools
import os
import subprocess
import sys
import tempfile

import helm_python as helm
import yaml

MANIFESTS = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "manifests"))
CHART = os.path.join(MANIFESTS, "chart")
# By version. The old one is Debian's, which the caller gives; the new one is beside the interpreter.
KUBECTL = {"1.20": os.environ["KUBECTL_OF_DEBIAN"], "1.37": os.path.join(os.path.dirname(sys.executable), "kubectl")}
# What may differ between the two: how an object got there. Everything else must be equal.
MANAGED_BY = "app.kubernetes.io/managed-by"


def documents(text: str) -> list:
    return [o for o in yaml.load_all(text, yaml.CSafeLoader) if o is not None]


def by_name(objects: list) -> dict:
    """{"Kind/name": object}"""
    found = {f"{o['kind']}/{o['metadata']['name']}": o for o in objects}
    if len(found) != len(objects):
        raise ValueError(f"two objects have one name: {[o['metadata']['name'] for o in objects]}")
    return found


def texts(values=None, namespace="cluster-agent", **options) -> dict:
    """{path of a template: what it renders}"""
    with helm.Chart.load(CHART) as chart:
        return chart.render(values or {}, name="release", namespace=namespace, **options)


def chart(values=None, namespace="cluster-agent", **options) -> dict:
    """The chart's objects, {"Kind/name": object}."""
    rendered = texts(values, namespace, **options)
    return by_name([o for path, text in rendered.items() if not path.endswith("NOTES.txt") for o in documents(text)])


def kustomize(folder: str, version: str) -> str:
    done = subprocess.run([KUBECTL[version], "kustomize", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"kubectl {version} kustomize {folder}: {done.stderr}")
    return done.stdout


# Nothing changes a folder of `manifests` while the tests run.
known = functools.cache(kustomize)


def folder(name: str, version: str = "1.37") -> dict:
    """The objects of a folder of `manifests`, {"Kind/name": object}."""
    return by_name(documents(known(os.path.join(MANIFESTS, name), version)))


def overlay(version: str, files: dict) -> dict:
    """The objects of an overlay with these files. A folder in `manifests` is `MANIFESTS/…` in their text."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in files.items():
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text.replace("MANIFESTS", os.path.relpath(MANIFESTS, os.path.realpath(directory))))
        return by_name(documents(kustomize(directory, version)))


def differences(before, after, path: str = "") -> dict:
    """{path: new value} of what is new, changed or, as None, gone. What is new or gone as a whole is one difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = {}
        for key in sorted(set(before) | set(after)):
            place = f"{path}.{key}" if path else key
            if key in before and key in after:
                found |= differences(before[key], after[key], place)
            else:
                found[place] = after.get(key)
        return found
    if isinstance(before, list) and isinstance(after, list):
        found = {}
        for index in range(max(len(before), len(after))):
            place = f"{path}[{index}]"
            if index < min(len(before), len(after)):
                found |= differences(before[index], after[index], place)
            else:
                found[place] = after[index] if index < len(after) else None
        return found
    return {} if (type(before), before) == (type(after), after) else {path: after}


def managed_by(o, value=None) -> set:
    """The values of the label at any depth; sets them to `value`, if there is one."""
    found = set()
    if isinstance(o, dict):
        if value and MANAGED_BY in o:
            o[MANAGED_BY] = value
        if MANAGED_BY in o:
            found.add(o[MANAGED_BY])
    for inner in o.values() if isinstance(o, dict) else o if isinstance(o, list) else ():
        found |= managed_by(inner, value)
    return found
