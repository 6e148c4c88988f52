"""NetworkPolicies as nftables rules, besides those of the Services.

A pod that policies select can be reached, or can reach others, only as those policies allow. Rules see a packet after its
Service was replaced by a pod. Traffic from the machine itself (probes) is always allowed.
"""

TABLE = "hollow_policies"


def selects(selector: dict, labels: dict) -> bool:
    """Whether a label selector matches. The empty one matches everything."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions") or []:
        key, operator, values = expression["key"], expression["operator"], expression.get("values") or []
        holds = {
            "In": labels.get(key) in values, "NotIn": labels.get(key) not in values,
            "Exists": key in labels, "DoesNotExist": key not in labels,
        }
        if not holds[operator]:
            return False
    return True


class Pods:
    """The pods that have an address, and the lookups that policies need."""

    def __init__(self, pods: dict, namespaces: dict):
        self.all = [pod for _, pod in sorted(pods.items()) if (pod.get("status") or {}).get("podIP")]
        self._namespaces = namespaces

    def of(self, namespace: str, selector: dict) -> list:
        return [pod for pod in self.all if pod["metadata"]["namespace"] == namespace and selects(selector, labels_of(pod))]

    def of_peer(self, namespace: str, peer: dict) -> list:
        """The pods of a peer other than an address block."""
        if "namespaceSelector" in peer:
            chosen = {
                item["metadata"]["name"] for item in self._namespaces.values() if selects(peer["namespaceSelector"], labels_of(item))}
        else:
            chosen = {namespace}
        return [
            pod for pod in self.all
            if pod["metadata"]["namespace"] in chosen and selects(peer.get("podSelector") or {}, labels_of(pod))]


def labels_of(item: dict) -> dict:
    return item["metadata"].get("labels") or {}


def address_of(pod: dict) -> str:
    return pod["status"]["podIP"]


def port_number(pod: dict, name: str, protocol: str):
    """The number of a named port of a pod, or None."""
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or []:
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                return port["containerPort"]
    return None


def _ports(rule: dict, pod) -> list:
    """nftables matches for the ports of a rule on one pod, or on something other than a pod (None); [""] for every port."""
    if not rule.get("ports"):
        return [""]
    matches = []
    for port in rule["ports"]:
        protocol = port.get("protocol", "TCP")
        number = port.get("port")
        if isinstance(number, str):
            number = port_number(pod, number, protocol) if pod else None
            if number is None:
                continue
        matches.append(f"meta l4proto {protocol.lower()}" if number is None else f"{protocol.lower()} dport {number}")
    return matches


def _block(side: str, block: dict) -> str:
    excepted = "".join(f" ip {side} != {cidr}" for cidr in block.get("except") or [])
    return f"ip {side} {block['cidr']}{excepted}"


def _allowed_in(policy: dict, pod: dict, pods: Pods) -> list:
    """Matches for traffic that may reach a pod."""
    found = []
    for rule in policy["spec"].get("ingress") or []:
        sources = [""]
        if rule.get("from"):
            sources = []
            for peer in rule["from"]:
                if "ipBlock" in peer:
                    sources.append(_block("saddr", peer["ipBlock"]))
                else:
                    sources += [f"ip saddr {address_of(other)}" for other in pods.of_peer(policy["metadata"]["namespace"], peer)]
        found += [f"{source} {port}" for source in sources for port in _ports(rule, pod)]
    return found


def _allowed_out(policy: dict, pods: Pods) -> list:
    """Matches for traffic that a pod may send. A named port is resolved on each destination pod."""
    found = []
    for rule in policy["spec"].get("egress") or []:
        if not rule.get("to"):
            found += _ports(rule, None)
            for other in pods.all if any(isinstance(port.get("port"), str) for port in rule.get("ports") or []) else []:
                found += [f"ip daddr {address_of(other)} {port}" for port in _ports(rule, other)]
            continue
        for peer in rule["to"]:
            if "ipBlock" in peer:
                found += [f"{_block('daddr', peer['ipBlock'])} {port}" for port in _ports(rule, None)]
            else:
                for other in pods.of_peer(policy["metadata"]["namespace"], peer):
                    found += [f"ip daddr {address_of(other)} {port}" for port in _ports(rule, other)]
    return found


def ruleset(policies: dict, all_pods: dict, namespaces: dict) -> str:
    """The whole table, to replace the old one in one transaction."""
    pods = Pods(all_pods, namespaces)
    ingress, egress = {}, {}
    for _, policy in sorted(policies.items()):
        kinds = policy["spec"].get("policyTypes") or ["Ingress"]
        for pod in pods.of(policy["metadata"]["namespace"], policy["spec"].get("podSelector") or {}):
            if "Ingress" in kinds:
                ingress.setdefault(address_of(pod), set()).update(_allowed_in(policy, pod, pods))
            if "Egress" in kinds:
                egress.setdefault(address_of(pod), set()).update(_allowed_out(policy, pods))
    lines = [f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{"]
    for name, selected in (("ingress", ingress), ("egress", egress)):
        for address, allowed in sorted(selected.items()):
            lines += [f"  chain {name}-{address.replace('.', '-')} {{"]
            lines += [f"    {' '.join(match.split())} return".replace("     return", "    return") for match in sorted(allowed)]
            lines += ["    counter drop", "  }"]
    lines += _base("forward", _lookup("saddr", "egress", egress) + _lookup("daddr", "ingress", ingress))
    # To the machine itself: the API server and DNS.
    lines += _base("input", _lookup("saddr", "egress", egress))
    return "\n".join([*lines, "}", ""])


def _lookup(side: str, name: str, selected: dict) -> list:
    elements = ", ".join(f"{address} : jump {name}-{address.replace('.', '-')}" for address in sorted(selected))
    return [f"ip {side} vmap {{ {elements} }}"] if elements else []


def _base(hook: str, rules: list) -> list:
    head = [f"type filter hook {hook} priority 10", "ct state established,related accept"]
    return [f"  chain {hook} {{", *(f"    {rule}" for rule in head + rules), "  }"]
