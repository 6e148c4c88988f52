#!/usr/bin/env python3
"""The default rules of kube-linter and kube-score, and some of our own, applied to rendered manifests.

  rules.py list                     the names of all rules
  rules.py check FILE FOLDER        what is wrong with the manifests that were rendered from FOLDER; nothing when all is well
  rules.py mutation RULE FILE       breaks one thing in FILE's manifests, and fails unless RULE finds it and found nothing before

Each rule says what it finds, one line a finding, and brings the mutation that shows that it can.
"""

import re
import sys

from manifests import Manifests, effective, labels, matches, security, selectors, spec, title

RULES = {}


def rule(name, mutation):
    """Registers a function from manifests to findings. `mutation` breaks what it looks for."""

    def register(check):
        assert name not in RULES, name
        RULES[name] = (check, mutation)
        return check

    return register


def pod_of(kind="Deployment"):
    return lambda m: spec(m.workloads()[0] if kind is None else m.of(kind)[0])


def set_in(path, **fields):
    """A mutation: finds a dictionary, and sets fields of it; a field that is None goes."""

    def mutate(m):
        place = path(m)
        for key, value in fields.items():
            if value is None:
                del place[key]
            else:
                place[key] = value

    return mutate


def the_pod(m):
    return spec(m.one("Deployment"))


def the_container(m):
    return the_pod(m)["containers"][0]


def the_security(m):
    return the_container(m)["securityContext"]


def per_container(name, mutation, finding):
    """A rule that looks at one container at a time: `finding` says what is wrong with it, or nothing."""

    @rule(name, mutation)
    def check(m):
        return [f"{where}: {text}" for where, container in m.containers() if (text := finding(container))]


def per_pod(name, mutation, finding):
    """The same for the spec of a workload's pods."""

    @rule(name, mutation)
    def check(m):
        return [f"{title(w)}: {text}" for w in m.workloads() if (text := finding(w))]


# --- kube-linter, on by default --------------------------------------------------------------------------------------


@rule("dangling-service", lambda m: m.one("Service")["spec"]["selector"].update({"app.kubernetes.io/name": "nobody"}))
def dangling_service(m):
    return [f"{title(s)} selects no pod" for s in m.of("Service")
            if not m.selected_pods({"matchLabels": s["spec"]["selector"]}, s["metadata"]["namespace"])]


per_pod("deprecated-service-account-field", set_in(the_pod, serviceAccount="cluster-agent"),
        lambda w: "serviceAccount is deprecated" if "serviceAccount" in spec(w) else None)


def host_path(path):
    return lambda m: the_pod(m)["volumes"].append({"name": "host", "hostPath": {"path": path}})


def host_paths(w):
    return [v["hostPath"]["path"] for v in spec(w).get("volumes", []) if "hostPath" in v]


per_pod("docker-sock", host_path("/var/run/docker.sock"),
        lambda w: "mounts a container engine's socket" if any("docker.sock" in p or "containerd.sock" in p for p in host_paths(w)) else None)
SENSITIVE = {"/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr"}
per_pod("sensitive-host-mounts", host_path("/etc"),
        lambda w: next((f"mounts {p} of its node" for p in host_paths(w) if p in SENSITIVE), None))
per_container("drop-net-raw-capability", set_in(lambda m: the_security(m)["capabilities"], drop=["SYS_ADMIN"]),
              lambda c: None if {"ALL", "NET_RAW"} & set((security(c).get("capabilities") or {}).get("drop", [])) else "keeps NET_RAW")


def twice(names):
    return sorted({n for n in names if names.count(n) > 1})


per_container("duplicate-env-var", lambda m: the_container(m)["env"].append({"name": "POD_NAME", "value": "x"}),
              lambda c: ", ".join(f"{n} is set twice" for n in twice([e["name"] for e in c.get("env", [])])))
per_container("env-var-secret", lambda m: the_container(m)["env"].append({"name": "CLIENT_SECRET", "value": "x"}),
              lambda c: next((f"{e['name']} holds a secret" for e in c.get("env", [])
                              if re.search("secret", e["name"], re.I) and "value" in e), None))
for field, name in (("hostIPC", "host-ipc"), ("hostNetwork", "host-network"), ("hostPID", "host-pid")):
    per_pod(name, set_in(the_pod, **{field: True}), lambda w, field=field: f"{field} is set" if spec(w).get(field) else None)
PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")


@rule("invalid-target-ports", set_in(lambda m: m.one("Service")["spec"]["ports"][0], targetPort="not_a_port_name"))
def invalid_target_ports(m):
    names = [(where, p.get("name")) for where, c in m.containers() for p in c.get("ports", [])]
    names += [(title(s), p.get("targetPort")) for s in m.of("Service") for p in s["spec"]["ports"]]
    return [f"{where}: {name} is no name of a port" for where, name in names if isinstance(name, str) and not PORT_NAME.fullmatch(name)]


def image_tag(container):
    return container["image"].rpartition("/")[2].partition("@")[0].partition(":")[2]


per_container("latest-tag", set_in(the_container, image="cluster-agent:latest"),
              lambda c: f"{c['image']}: which one is that?" if "@" not in c["image"] and image_tag(c) in ("", "latest") else None)


def probe_port(container, probe):
    """The port that a probe asks; None when there is no such probe."""
    given = container.get(probe) or {}
    return next((given[how].get("port") for how in ("httpGet", "tcpSocket", "grpc") if how in given), None)


def known_port(probe):
    def finding(container):
        port = probe_port(container, probe)
        known = [p.get(key) for p in container.get("ports", []) for key in ("name", "containerPort")]
        return f"{probe} asks port {port}, which the container does not have" if port is not None and port not in known else None

    return finding


for probe, name in (("livenessProbe", "liveness-port"), ("readinessProbe", "readiness-port"), ("startupProbe", "startup-port")):
    per_container(name, set_in(lambda m, probe=probe: the_container(m)[probe]["httpGet"], port="absent"), known_port(probe))
per_pod("mismatching-selector", lambda m: labels(m.one("Deployment")).update({"app.kubernetes.io/name": "other"}),
        lambda w: None if matches(w["spec"]["selector"], labels(w)) else "its selector does not select its own pods")


def keeps_apart(w):
    """Whether the pods of a workload would rather not share a node."""
    rules = ((spec(w).get("affinity") or {}).get("podAntiAffinity")) or {}
    terms = rules.get("requiredDuringSchedulingIgnoredDuringExecution", []) + [
        p["podAffinityTerm"] for p in rules.get("preferredDuringSchedulingIgnoredDuringExecution", [])]
    return any(t["topologyKey"] == "kubernetes.io/hostname" and matches(t["labelSelector"], labels(w)) for t in terms)


def for_replicated(name, mutation, is_well, text):
    @rule(name, mutation)
    def check(m):
        return [f"{title(w)} {text}" for w in m.replicated() if not is_well(w)]


def first_anti_affinity(m):
    return the_pod(m)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]


for_replicated("no-anti-affinity", set_in(the_pod, affinity=None), keeps_apart, "may have all its pods on one node")
per_container("no-read-only-root-fs", set_in(the_security, readOnlyRootFilesystem=False),
              lambda c: None if security(c).get("readOnlyRootFilesystem") else "may write to its root file system")


@rule("non-existent-service-account", set_in(the_pod, serviceAccountName="nobody"))
def non_existent_service_account(m):
    known = {(a["metadata"]["namespace"], a["metadata"]["name"]) for a in m.of("ServiceAccount")}
    return [f"{title(w)}: there is no ServiceAccount {spec(w).get('serviceAccountName')}" for w in m.workloads()
            if (w["metadata"]["namespace"], spec(w).get("serviceAccountName")) not in known]


def per_budget(name, mutation, finding):
    @rule(name, mutation)
    def check(m):
        return [f"{title(b)}: {text}" for b in m.of("PodDisruptionBudget") if (text := finding(b["spec"], m))]


def the_budget(m):
    return m.one("PodDisruptionBudget")["spec"]


def keeps_all(budget, m):
    kept = budget.get("minAvailable", 0)
    replicas = [w["spec"].get("replicas", 1) for w in m.of("Deployment") if matches(budget["selector"], labels(w))]
    return kept == "100%" or isinstance(kept, int) and any(kept >= count for count in replicas)


per_budget("pdb-max-unavailable", set_in(the_budget, maxUnavailable=0),
           lambda b, m: "no pod may ever be evicted" if b.get("maxUnavailable") in (0, "0%") else None)
per_budget("pdb-min-available", set_in(the_budget, minAvailable=2), lambda b, m: "no pod may ever be evicted" if keeps_all(b, m) else None)
per_budget("pdb-unhealthy-pod-eviction-policy", set_in(the_budget, unhealthyPodEvictionPolicy=None),
           lambda b, m: None if b.get("unhealthyPodEvictionPolicy") == "AlwaysAllow" else "a broken pod stops the draining of its node")
per_container("privilege-escalation-container", set_in(the_security, allowPrivilegeEscalation=None),
              lambda c: None if security(c).get("allowPrivilegeEscalation") is False else "may gain privileges")
per_container("privileged-container", set_in(the_security, privileged=True),
              lambda c: "is privileged" if security(c).get("privileged") else None)


@rule("run-as-non-root", set_in(lambda m: the_pod(m)["securityContext"], runAsNonRoot=None))
def run_as_non_root(m):
    return [f"{title(w)}, container {c['name']}: may run as root" for w in m.workloads() for c in spec(w)["containers"]
            if not effective(w, c, "runAsNonRoot") or effective(w, c, "runAsUser") == 0]


per_container("ssh-port", set_in(lambda m: the_container(m)["ports"][0], containerPort=22),
              lambda c: "serves SSH" if any(p["containerPort"] == 22 for p in c.get("ports", [])) else None)
SAFE_SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range"}
per_pod("unsafe-sysctls", set_in(lambda m: the_pod(m)["securityContext"], sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
        lambda w: next((f"sets {s['name']}" for s in (spec(w).get("securityContext") or {}).get("sysctls", [])
                        if s["name"] not in SAFE_SYSCTLS), None))


def amount(container, kind, what):
    return ((container.get("resources") or {}).get(kind) or {}).get(what)


def lacks(what, *kinds):
    return lambda c: ", ".join(f"no {what} in {kind}" for kind in kinds if amount(c, kind, what) is None)


def without(kind, what):
    return lambda m: the_container(m)["resources"][kind].pop(what)


per_container("unset-cpu-requirements", without("requests", "cpu"), lacks("cpu", "requests"))
per_container("unset-memory-requirements", without("limits", "memory"), lacks("memory", "requests", "limits"))
BETAS = re.compile(r"(extensions|apps)/v1(alpha|beta)\d*")


@rule("no-extensions-v1beta", set_in(lambda m: m.one("Deployment"), apiVersion="extensions/v1beta1"))
def no_extensions_v1beta(m):
    return [f"{title(o)} is {o['apiVersion']}" for o in m.objects if BETAS.fullmatch(o["apiVersion"])]


# --- kube-linter, off by default, worth having -----------------------------------------------------------------------

per_pod("default-service-account", set_in(the_pod, serviceAccountName="default"),
        lambda w: "runs as the namespace's default account" if spec(w).get("serviceAccountName", "default") == "default" else None)
for probe, name in (("livenessProbe", "no-liveness-probe"), ("readinessProbe", "no-readiness-probe")):
    per_container(name, set_in(the_container, **{probe: None}), lambda c, probe=probe: None if probe in c else f"has no {probe}")


def policies(m, workload, direction):
    return [p for p in m.of("NetworkPolicy") if workload in m.selected_pods(p["spec"]["podSelector"], p["metadata"]["namespace"])
            and direction in p["spec"]["policyTypes"]]


@rule("non-isolated-pod", lambda m: m.objects.remove(m.one("NetworkPolicy")))
def non_isolated_pod(m):
    return [f"{title(w)}: no NetworkPolicy is about its pods" for w in m.workloads()
            if not policies(m, w, "Ingress") + policies(m, w, "Egress")]


def per_permission(name, mutation, finding):
    @rule(name, mutation)
    def check(m):
        return [f"{title(r)}: {text}" for r in m.of("Role", "ClusterRole") for p in r["rules"] if (text := finding(p))]


def new_permission(**fields):
    return lambda m: m.one("ClusterRole")["rules"].append(fields)


per_permission("access-to-secrets", new_permission(apiGroups=[""], resources=["secrets"], verbs=["get"]),
               lambda p: "may read secrets" if "secrets" in p["resources"] else None)
per_permission("access-to-create-pods", new_permission(apiGroups=[""], resources=["pods"], verbs=["create"]),
               lambda p: "may create pods" if "pods" in p["resources"] and "create" in p["verbs"] else None)
per_permission("wildcard-in-rules", new_permission(apiGroups=[""], resources=["pods"], verbs=["*"]),
               lambda p: "has a wildcard" if "*" in p["apiGroups"] + p["resources"] + p["verbs"] else None)
NOT_NAMESPACED = {"CustomResourceDefinition", "Namespace", "ClusterRole", "ClusterRoleBinding", "FlowSchema"}


@rule("use-namespace", set_in(lambda m: m.one("Service")["metadata"], namespace="default"))
def use_namespace(m):
    return [f"{title(o)} is in no namespace of its own" for o in m.objects
            if o["kind"] not in NOT_NAMESPACED and o["metadata"].get("namespace", "default") == "default"]


per_container("privileged-ports", set_in(lambda m: the_container(m)["ports"][0], containerPort=443),
              lambda c: next((f"port {p['containerPort']} is privileged" for p in c.get("ports", []) if p["containerPort"] < 1024), None))

# --- kube-score, on by default ---------------------------------------------------------------------------------------


@rule("deployment-strategy", set_in(lambda m: m.one("Deployment")["spec"], strategy={"type": "Recreate"}))
def deployment_strategy(m):
    return [f"{title(d)}: all its pods go at once" for d in m.of("Deployment") if (d["spec"].get("strategy") or {}).get("type") != "RollingUpdate"]


@rule("deployment-replicas", set_in(lambda m: m.one("Deployment")["spec"], replicas=1))
def deployment_replicas(m):
    return [f"{title(d)} has fewer than 2 replicas" for d in m.of("Deployment") if d["spec"].get("replicas", 1) < 2]


for what in ("cpu", "memory", "ephemeral-storage"):
    per_container(f"container-resources-{what}", without("limits", what), lacks(what, "requests", "limits"))
per_container("container-image-pull-policy", set_in(the_container, imagePullPolicy="IfNotPresent"),
              lambda c: None if c.get("imagePullPolicy") == "Always" else "imagePullPolicy is not Always")


def budgets(m, workload):
    return [b for b in m.of("PodDisruptionBudget") if workload in m.selected_pods(b["spec"]["selector"], b["metadata"]["namespace"])]


@rule("deployment-has-poddisruptionbudget", lambda m: m.objects.remove(m.one("PodDisruptionBudget")))
def has_budget(m):
    return [f"{title(w)}: {len(budgets(m, w))} PodDisruptionBudgets, it must be 1" for w in m.replicated() if len(budgets(m, w)) != 1]


per_budget("poddisruptionbudget-has-policy", set_in(the_budget, maxUnavailable=None),
           lambda b, m: None if "maxUnavailable" in b or "minAvailable" in b else "it says nothing")
for direction in ("Ingress", "Egress"):
    @rule(f"pod-networkpolicy-{direction.lower()}",
          lambda m, direction=direction: m.one("NetworkPolicy")["spec"]["policyTypes"].remove(direction))
    def pod_network_policy(m, direction=direction):
        return [f"{title(w)}: no NetworkPolicy is about its {direction}" for w in m.workloads() if not policies(m, w, direction)]


@rule("networkpolicy-targets-pod", lambda m: m.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].update({"app.kubernetes.io/name": "x"}))
def policy_targets_pod(m):
    return [f"{title(p)} is about no pod" for p in m.of("NetworkPolicy") if not m.selected_pods(p["spec"]["podSelector"], p["metadata"]["namespace"])]


def probe_action(container, probe):
    given = container.get(probe) or {}
    return {how: given[how] for how in ("httpGet", "tcpSocket", "exec", "grpc") if how in given}


per_container("pod-probes-identical", set_in(the_container, readinessProbe={"httpGet": {"path": "/livez", "port": "health"}}),
              lambda c: "is not ready and not alive by one and the same probe"
              if probe_action(c, "livenessProbe") == probe_action(c, "readinessProbe") else None)
for field in ("runAsUser", "runAsGroup"):
    @rule(f"container-security-context-{field}", set_in(lambda m: the_pod(m)["securityContext"], **{field: 1000}))
    def high_ids(m, field=field):
        return [f"{title(w)}, container {c['name']}: {field} is not above 10000" for w in m.workloads() for c in spec(w)["containers"]
                if (effective(w, c, field) or 0) <= 10000]


@rule("service-type", set_in(lambda m: m.one("Service")["spec"], type="NodePort"))
def service_type(m):
    return [f"{title(s)} opens a port of every node" for s in m.of("Service") if s["spec"].get("type") == "NodePort"]


@rule("service-port-exists", set_in(lambda m: m.one("Service")["spec"]["ports"][0], targetPort="absent"))
def service_port_exists(m):
    findings = []
    for s in m.of("Service"):
        for w in m.selected_pods({"matchLabels": s["spec"]["selector"]}, s["metadata"]["namespace"]):
            known = [p.get(key) for c in spec(w)["containers"] for p in c.get("ports", []) for key in ("name", "containerPort")]
            findings += [f"{title(s)}: {title(w)} has no port {p['targetPort']}" for p in s["spec"]["ports"] if p["targetPort"] not in known]
    return findings


@rule("stable-version", set_in(lambda m: m.one("PodDisruptionBudget"), apiVersion="policy/v1beta1"))
def stable_version(m):
    return [f"{title(o)} is {o['apiVersion']}" for o in m.objects if re.search("alpha|beta", o["apiVersion"])]


LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


@rule("label-values", lambda m: m.one("Service")["metadata"]["labels"].update({"app.kubernetes.io/version": "not a value"}))
def label_values(m):
    given = [(title(o), o["metadata"].get("labels", {})) for o in m.objects] + [(title(w), labels(w)) for w in m.workloads()]
    return [f"{where}: {key}: {value!r} is no value of a label" for where, all_labels in given for key, value in all_labels.items()
            if not isinstance(value, str) or not LABEL_VALUE.fullmatch(value)]


def spreads(w):
    keys = {c["topologyKey"] for c in spec(w).get("topologySpreadConstraints", []) if matches(c["labelSelector"], labels(w))}
    return keys >= {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


for_replicated("pod-topology-spread-constraints", lambda m: the_pod(m)["topologySpreadConstraints"].pop(), spreads,
               "is not spread over nodes and zones")
for_replicated("deployment-has-host-podantiaffinity", set_in(first_anti_affinity, topologyKey="topology.kubernetes.io/zone"), keeps_apart,
               "may have all its pods on one node")

# --- Our own ---------------------------------------------------------------------------------------------------------

RECOMMENDED = {f"app.kubernetes.io/{key}" for key in ("name", "instance", "version", "component", "part-of", "managed-by")}
LASTING = {f"app.kubernetes.io/{key}" for key in ("name", "instance", "component")}


@rule("recommended-labels", lambda m: m.one("ServiceAccount")["metadata"]["labels"].pop("app.kubernetes.io/version"))
def recommended_labels(m):
    # A CustomResourceDefinition outlasts the release, and the managers, that it came with.
    given = [(title(o), o["metadata"].get("labels", {})) for o in m.objects if o["kind"] != "CustomResourceDefinition"]
    given += [(f"pods of {title(w)}", labels(w)) for w in m.workloads()]
    return [f"{where} has no label {', '.join(sorted(RECOMMENDED - set(found)))}" for where, found in given if not RECOMMENDED <= set(found)]


@rule("lasting-selectors", lambda m: m.one("Deployment")["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/version": "0.1.0"}))
def lasting_selectors(m):
    """A selector of a workload can never be changed, so that it must not hold what a release changes."""
    return [f"{title(o)} selects by {key}" for o in m.objects for found in selectors(o) for key in found
            if key.startswith("app.kubernetes.io/") and key not in LASTING]


@rule("distinct-selectors", lambda m: m.one("DaemonSet", "node-agent")["spec"].update(m.one("Deployment")["spec"]))
def distinct_selectors(m):
    return [f"{title(w)} selects the pods of {title(other)}" for w in m.workloads() for other in m.workloads()
            if w is not other and matches(w["spec"]["selector"], labels(other))]


VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


@rule("pod-security-restricted", host_path("/var/lib/cluster-agent"))
def restricted(m):
    findings = [f"{title(w)}: volume {v['name']} is of no kind that is allowed" for w in m.workloads() for v in spec(w).get("volumes", [])
                if not set(v) - {"name"} <= VOLUMES]
    for w in m.workloads():
        for c in spec(w)["containers"]:
            if (effective(w, c, "seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
                findings.append(f"{title(w)}: no seccomp profile")
            if not set((security(c).get("capabilities") or {}).get("add", [])) <= {"NET_BIND_SERVICE"}:
                findings.append(f"{title(w)}: capabilities are added")
            if any("hostPort" in p for p in c.get("ports", [])):
                findings.append(f"{title(w)}: a port of its node")
    return findings


@rule("namespace-restricted", lambda m: m.one("Namespace")["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce"))
def namespace_restricted(m):
    return [f"{title(n)} does not ask for the restricted level" for n in m.of("Namespace")
            if n["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted"]


per_pod("no-service-links", set_in(the_pod, enableServiceLinks=True),
        lambda w: None if spec(w).get("enableServiceLinks") is False else "variables of every Service are in its environment")


@rule("token-only-where-used", set_in(lambda m: spec(m.one("DaemonSet", "node-agent")), automountServiceAccountToken=True))
def token_only_where_used(m):
    """An account to which no role is bound has no use for a token of the API server."""
    bound = {s["name"] for b in m.of("RoleBinding", "ClusterRoleBinding") for s in b["subjects"]}
    return [f"{title(w)}: a token that nothing is bound to, or none where it is needed" for w in m.workloads()
            if spec(w).get("automountServiceAccountToken") is not (spec(w)["serviceAccountName"] in bound)]


@rule("secret-is-waited-for", set_in(lambda m: the_pod(m)["volumes"][0]["secret"], optional=True))
def secret_is_waited_for(m):
    optional = [f"{title(w)}: its Secret is optional" for w in m.workloads() for v in spec(w).get("volumes", []) if v.get("secret", {}).get("optional")]
    return optional + [f"{where}: subPath is never updated" for where, c in m.containers() for v in c.get("volumeMounts", []) if "subPath" in v]


# --- What does not apply ---------------------------------------------------------------------------------------------

# Rules of both that have nothing to look at here: there is no object of that kind.
WITHOUT_OBJECTS = {
    "job-ttl-seconds-after-finished": ("Job", "CronJob"), "cronjob-has-deadline": ("CronJob",), "ingress-targets-service": ("Ingress",),
    "horizontalpodautoscaler-has-target": ("HorizontalPodAutoscaler",), "statefulset-has-servicename": ("StatefulSet",),
}
# Rules that are broken on purpose.
NOT_ENABLED = {
    "minimum-three-replicas": "off by default; two are enough: one leads, the other one is warm, and a third would add no more than a wait less",
}
# (folder, rule): why. One that is not needed is a finding too.
EXEMPT = {
    ("overlays/kubernetes-1.20", "stable-version"): "Kubernetes 1.20 has PodDisruptionBudgets in policy/v1beta1 only",
    ("overlays/kubernetes-1.20", "pdb-unhealthy-pod-eviction-policy"): "Kubernetes has the field since 1.26",
    ("overlays/kubernetes-1.21", "pdb-unhealthy-pod-eviction-policy"): "Kubernetes has the field since 1.26",
    ("flow-schema/v1beta1", "stable-version"): "Kubernetes 1.20 to 1.25 have no later one",
    ("flow-schema/v1beta3", "stable-version"): "Kubernetes 1.26 to 1.28 have no later one",
}


def check(m, folder):
    findings = [f"{name}: there is a {kind} now: write the rule" for name, kinds in WITHOUT_OBJECTS.items() for kind in kinds if m.of(kind)]
    for name, (find, _) in RULES.items():
        found = find(m)
        if (folder, name) not in EXEMPT:
            findings += [f"{name}: {text}" for text in found]
        elif not found:
            findings.append(f"{name}: {folder} is exempt from it, and does not need to be")
    return findings


def mutation(name, m):
    find, mutate = RULES[name]
    if found := find(m):
        return [f"{name} finds something before anything is broken: {found[0]}"]
    broken = m.copy()
    mutate(broken)
    if broken.objects == m.objects:
        return [f"{name}: the mutation changes nothing"]
    return [] if find(broken) else [f"{name} does not find its mutation"]


def main(arguments):
    match arguments:
        case ["list"]:
            print("\n".join(RULES))
            return 0
        case ["check", path, folder]:
            findings = check(Manifests.read(path), folder)
        case ["mutation", name, path]:
            findings = mutation(name, Manifests.read(path))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
