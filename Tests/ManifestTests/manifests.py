"""The objects of rendered manifests, and the questions that rules ask of them."""

import copy

import yaml


class Manifests:
    """All objects of one rendered kustomization."""

    def __init__(self, objects):
        self.objects = [o for o in objects if o is not None]

    @classmethod
    def read(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls(yaml.safe_load_all(file))

    def copy(self):
        return Manifests(copy.deepcopy(self.objects))

    def of(self, *kinds):
        return [o for o in self.objects if o["kind"] in kinds]

    def one(self, kind, name="cluster-agent"):
        return next(o for o in self.of(kind) if o["metadata"]["name"] == name)

    def workloads(self):
        return self.of("Deployment", "DaemonSet", "StatefulSet")

    def replicated(self):
        """Deployments that mean to have more than one pod."""
        return [o for o in self.of("Deployment") if o["spec"].get("replicas", 1) > 1]

    def containers(self):
        """Each container with the name by which a finding speaks of it."""
        for workload in self.workloads():
            pod = spec(workload)
            for container in pod.get("initContainers", []) + pod["containers"]:
                yield f"{title(workload)}, container {container['name']}", container

    def selected_pods(self, selector, namespace):
        """The workloads whose pods a label selector of an object in `namespace` selects."""
        return [w for w in self.workloads() if w["metadata"].get("namespace") == namespace and matches(selector, labels(w))]


def title(o):
    return f"{o['kind']} {o['metadata']['name']}"


def spec(workload):
    """The pods' spec."""
    return workload["spec"]["template"]["spec"]


def labels(workload):
    """The pods' labels."""
    return workload["spec"]["template"]["metadata"].get("labels", {})


def matches(selector, given):
    """Whether a LabelSelector selects these labels. Expressions are not used here, and refused."""
    if "matchExpressions" in selector:
        raise ValueError("matchExpressions: the rules do not know them; write matchLabels")
    return all(given.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())


def security(container):
    return container.get("securityContext") or {}


def effective(workload, container, key):
    """A field that a container may set, and else its pod does."""
    return security(container).get(key, (spec(workload).get("securityContext") or {}).get(key))


def selectors(o):
    """Every label selector in an object, at whatever depth."""
    if isinstance(o, dict):
        for key, value in o.items():
            if key in ("labelSelector", "podSelector") or key == "selector" and isinstance(value, dict) and "matchLabels" in value:
                yield value.get("matchLabels") or {}
            else:
                yield from selectors(value)
    elif isinstance(o, list):
        for value in o:
            yield from selectors(value)
