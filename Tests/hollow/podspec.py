"""The Pod fields that the runner supports. A field that matters and is not supported is refused by name, not ignored."""

from .refusal import Refusal

# Fields that the runner implements.
_POD = {"containers", "volumes", "securityContext", "terminationGracePeriodSeconds", "nodeName", "serviceAccountName", "serviceAccount"}
# Fields handled before the Pod arrives (scheduler, admission), or without effect on a pod in this cluster.
_POD_DONE_BY_OTHERS = {
    "affinity", "automountServiceAccountToken", "imagePullSecrets", "nodeSelector", "preemptionPolicy", "priority", "priorityClassName",
    "schedulerName", "tolerations", "topologySpreadConstraints",
}
# Supported with these values only.
_POD_FIXED = {"restartPolicy": ["Always"], "dnsPolicy": ["ClusterFirst"], "enableServiceLinks": [False]}
_CONTAINER = {
    "name", "image", "command", "args", "env", "ports", "workingDir", "volumeMounts", "securityContext", "startupProbe", "livenessProbe",
    "readinessProbe", "resources", "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy",
}
_POD_SECURITY = {
    "runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "fsGroupChangePolicy", "supplementalGroups", "seccompProfile",
}
_CONTAINER_SECURITY = {
    "runAsUser", "runAsGroup", "runAsNonRoot", "allowPrivilegeEscalation", "privileged", "readOnlyRootFilesystem", "capabilities",
    "seccompProfile",
}
_VOLUMES = {"secret", "configMap", "emptyDir", "downwardAPI", "projected"}
_SOURCES = {"secret", "configMap", "downwardAPI", "serviceAccountToken"}
_PROBE_TIMES = {"initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold"}


def check(pod: dict, images: set):
    """Refuses a Pod that uses fields the runner does not support."""
    spec = pod["spec"]
    fixed = {name: spec.get(name, values[0]) for name, values in _POD_FIXED.items()}
    fixed["enableServiceLinks"] = spec.get("enableServiceLinks", True)
    for name, value in fixed.items():
        if value not in _POD_FIXED[name]:
            raise Refusal(f"spec.{name} '{value}': only {_POD_FIXED[name][0]} is known here")
    _only("spec", spec, _POD | _POD_DONE_BY_OTHERS | set(_POD_FIXED))
    _security("spec.securityContext", spec.get("securityContext") or {}, _POD_SECURITY)
    for volume in spec.get("volumes") or []:
        _volume(volume)
    for container in spec["containers"]:
        _container(container, images)


def _only(place: str, given: dict, known: set):
    for name in sorted(given):
        if name not in known and given[name] not in (None, False, "", [], {}):
            raise Refusal(f"{place}.{name}: not known here")


def _container(container: dict, images: set):
    place = f"container {container['name']}"
    _only(place, container, _CONTAINER)
    if container["image"] not in images:
        raise Refusal(f"{place}: image '{container['image']}': this cluster has only {', '.join(sorted(images))}")
    security = container.get("securityContext") or {}
    _security(f"{place}: securityContext", security, _CONTAINER_SECURITY)
    if security.get("privileged"):
        raise Refusal(f"{place}: securityContext.privileged: every container is unprivileged here")
    if security.get("allowPrivilegeEscalation") is not False:
        raise Refusal(f"{place}: securityContext.allowPrivilegeEscalation: only false is known here")
    capabilities = security.get("capabilities") or {}
    if capabilities.get("add") or capabilities.get("drop") != ["ALL"]:
        raise Refusal(f"{place}: securityContext.capabilities: only drop: [ALL] is known here")
    for mount in container.get("volumeMounts") or []:
        _only(f"{place}: volumeMount {mount['mountPath']}", mount, {"name", "mountPath", "readOnly"})
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if container.get(probe):
            _only(f"{place}: {probe}", container[probe], _PROBE_TIMES | {"httpGet", "tcpSocket"})


def _security(place: str, given: dict, known: set):
    _only(place, given, known)
    profile = given.get("seccompProfile")
    if profile and profile.get("type") != "RuntimeDefault":
        raise Refusal(f"{place}.seccompProfile: only RuntimeDefault is known here")


def _volume(volume: dict):
    kinds = sorted(set(volume) - {"name"})
    if len(kinds) != 1 or kinds[0] not in _VOLUMES:
        raise Refusal(f"volume {volume['name']}: type {', '.join(kinds)}: not known here")
    if kinds == ["projected"]:
        for source in volume["projected"]["sources"]:
            for name in sorted(set(source) - _SOURCES):
                raise Refusal(f"volume {volume['name']}: projected.{name}: not known here")
