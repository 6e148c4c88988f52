"""Services as nftables rules: what kube-proxy does on every node, done once, since all nodes are this machine."""

import subprocess

TABLE = "hollow"


def targets(service: dict, endpoints) -> dict:
    """{(cluster IP, protocol, port): [(address, port)]} of one Service; `endpoints` is its Endpoints object or None."""
    address = service["spec"].get("clusterIP")
    if not address or address == "None":
        return {}
    found = {}
    for port in service["spec"].get("ports") or []:
        backends = []
        for subset in (endpoints or {}).get("subsets") or []:
            for known in subset.get("ports") or []:
                if known.get("name", "") == port.get("name", "") and known.get("protocol", "TCP") == port.get("protocol", "TCP"):
                    backends += [(entry["ip"], known["port"]) for entry in subset.get("addresses") or []]
        found[(address, port.get("protocol", "TCP").lower(), port["port"])] = sorted(backends)
    return found


def ruleset(services: dict, endpoints: dict) -> str:
    """The whole table, to replace the old one in one transaction.

    A Service without endpoints refuses connections. A pod that reaches itself through a Service sees the gateway's address
    as its peer, because it would drop a packet from outside with its own address.
    """
    all_targets = {}
    for key, service in services.items():
        all_targets |= targets(service, endpoints.get(key))
    chains, elements, refused, backends = [], [], [], set()
    for number, ((address, protocol, port), to) in enumerate(sorted(all_targets.items())):
        place = f"{address} . {protocol} . {port}"
        if not to:
            refused.append(place)
            continue
        elements.append(f"{place} : goto service-{number}")
        choices = ", ".join(f"{index} : goto service-{number}-{index}" for index in range(len(to)))
        for index, (backend, backend_port) in enumerate(to):
            backends.add(backend)
            chains.append(_chain(f"service-{number}-{index}", f"meta l4proto {protocol} dnat to {backend}:{backend_port}"))
        chains.append(_chain(f"service-{number}", f"numgen random mod {len(to)} vmap {{ {choices} }}"))
    lookup = "ip daddr . meta l4proto . th dport"
    parts = [
        f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{",
        _set("map services", "ipv4_addr . inet_proto . inet_service : verdict", elements),
        _set("set refused", "ipv4_addr . inet_proto . inet_service", refused),
        _set("set itself", "ipv4_addr . ipv4_addr", [f"{address} . {address}" for address in sorted(backends)]),
        *chains,
        _chain("prerouting", "type nat hook prerouting priority -100", f"{lookup} vmap @services"),
        _chain("output", "type nat hook output priority -100", f"{lookup} vmap @services"),
        _chain("postrouting", "type nat hook postrouting priority 100", "ip saddr . ip daddr @itself masquerade"),
        _chain("forward", "type filter hook forward priority 0", f"{lookup} @refused reject"),
        _chain("refuse", "type filter hook output priority 0", f"{lookup} @refused reject"),
        "}", "",
    ]
    return "\n".join(parts)


def _chain(name: str, *rules: str) -> str:
    return "\n".join([f"  chain {name} {{", *(f"    {rule}" for rule in rules), "  }"])


def _set(head: str, kind: str, elements: list) -> str:
    lines = [f"  {head} {{", f"    type {kind}"]
    if elements:
        lines.append(f"    elements = {{ {', '.join(elements)} }}")
    return "\n".join([*lines, "  }"])


def load(rules: str):
    """Loads the table in this network namespace."""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, capture_output=True)
