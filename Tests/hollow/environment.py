"""The environment, command and user of a container, from the Pod object and the image's configuration alone."""

import re
from decimal import ROUND_CEILING, Decimal

from .refusal import NotYet, Refusal

_SUFFIXES = {
    "": 1, "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}


def expand(text: str, variables: dict) -> str:
    """Replaces each known `$(NAME)`. `$$` becomes `$`; unknown and unclosed references stay."""

    def replacement(match: re.Match) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", replacement, text)


def quantity(text: str) -> Decimal:
    """The number of a Kubernetes quantity such as 50m, 64Mi or 1.5."""
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text))
    if not match or match[2] not in _SUFFIXES:
        raise Refusal(f"cannot read the quantity '{text}'")
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def field(pod: dict, path: str, host_address: str, pod_address: str) -> str:
    """The value of a `fieldRef`."""
    metadata = pod["metadata"]
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    if keyed:
        return (metadata.get(keyed[1]) or {}).get(keyed[2], "")
    values = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": pod["spec"]["nodeName"],
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.hostIP": host_address,
        "status.podIP": pod_address,
        "status.podIPs": pod_address,
    }
    if path not in values:
        raise Refusal(f"cannot give the field '{path}'")
    return values[path]


def resource_field(container: dict, reference: dict, allocatable: dict) -> str:
    """The value of a `resourceFieldRef`, rounded up. A limit that is not set is the capacity of the node."""
    kind, _, name = reference["resource"].partition(".")
    if kind not in ("limits", "requests") or not name:
        raise Refusal(f"cannot give the resource '{reference['resource']}'")
    given = (container.get("resources") or {}).get(kind) or {}
    if name in given:
        amount = quantity(given[name])
    elif kind == "limits" and name in allocatable:
        amount = quantity(allocatable[name])
    else:
        amount = Decimal(0)
    divisor = quantity(reference.get("divisor") or "1")
    return str((amount / (divisor or 1)).to_integral_value(ROUND_CEILING))


class Surroundings:
    """What variables can refer to besides the Pod."""

    def __init__(self, host_address: str, pod_address: str, allocatable: dict, key_of_object):
        """`key_of_object(kind, namespace, name, key)` returns the text of one key of a Secret or ConfigMap, or None."""
        self.host_address, self.pod_address = host_address, pod_address
        self.allocatable, self.key_of_object = allocatable, key_of_object


def environment(pod: dict, container: dict, image: dict, service: dict, around: Surroundings) -> dict:
    """The environment of a container: the image's, then the API server's Service, then the Pod's, in order."""
    variables = dict(entry.partition("=")[::2] for entry in image.get("Env") or [])
    variables |= service
    for entry in container.get("env") or []:
        value = _value(pod, container, entry, variables, around)
        if value is not None:
            variables[entry["name"]] = value
    return variables


def _value(pod: dict, container: dict, entry: dict, variables: dict, around: Surroundings):
    source = entry.get("valueFrom")
    if not source:
        return expand(entry.get("value", ""), variables)
    kind, reference = next(iter(source.items()))
    if kind == "fieldRef":
        return field(pod, reference["fieldPath"], around.host_address, around.pod_address)
    if kind == "resourceFieldRef":
        return resource_field(container, reference, around.allocatable)
    if kind in ("secretKeyRef", "configMapKeyRef"):
        named = kind.removesuffix("KeyRef")
        value = around.key_of_object(named, pod["metadata"]["namespace"], reference["name"], reference["key"])
        if value is None and not reference.get("optional"):
            raise NotYet(f'{named} "{reference["name"]}" with key "{reference["key"]}" not found')
        return value
    raise Refusal(f"env {entry['name']}: cannot take a value from {kind}")


def api_service(address: str, port: int) -> dict:
    """The variables by which a pod finds the API server; a kubelet sets them regardless of `enableServiceLinks`."""
    url = f"tcp://{address}:{port}"
    return {
        "KUBERNETES_SERVICE_HOST": address,
        "KUBERNETES_SERVICE_PORT": str(port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(port),
        "KUBERNETES_PORT": url,
        f"KUBERNETES_PORT_{port}_TCP": url,
        f"KUBERNETES_PORT_{port}_TCP_PROTO": "tcp",
        f"KUBERNETES_PORT_{port}_TCP_PORT": str(port),
        f"KUBERNETES_PORT_{port}_TCP_ADDR": address,
    }


def command(container: dict, image: dict, variables: dict) -> list:
    """The argument vector: `command` replaces the entry point and the image's command, `args` replaces the latter."""
    words = container.get("command") or image.get("Entrypoint") or []
    if container.get("args"):
        words = words + container["args"]
    elif not container.get("command"):
        words = words + (image.get("Cmd") or [])
    if not words:
        raise Refusal("neither the Pod nor the image says which program to run")
    return [expand(word, variables) for word in words]


def user(pod: dict, container: dict, image: dict) -> tuple:
    """(uid, gid, other groups): the container's setting, else the Pod's, else the image's."""
    of_pod = pod["spec"].get("securityContext") or {}
    of_container = container.get("securityContext") or {}
    merged = of_pod | of_container
    uid, _, gid = (image.get("User") or "0").partition(":")
    if "runAsUser" not in merged and not uid.isdecimal():
        raise Refusal(f"the image's user '{uid}' is not a number and the Pod gives no runAsUser")
    uid = merged.get("runAsUser", uid)
    if "runAsGroup" not in merged and gid and not gid.isdecimal():
        raise Refusal(f"the image's group '{gid}' is not a number and the Pod gives no runAsGroup")
    gid = merged.get("runAsGroup", gid or 0)
    if merged.get("runAsNonRoot") and int(uid) == 0:
        raise Refusal("container has runAsNonRoot and image will run as root")
    groups = list(of_pod.get("supplementalGroups") or [])
    if "fsGroup" in of_pod:
        groups.append(of_pod["fsGroup"])
    return int(uid), int(gid), groups
