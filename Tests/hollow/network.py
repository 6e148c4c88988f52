"""The pod network: each pod has a network namespace with one address, and traffic between pods is routed.

There is no bridge: a pod's route leads to the gateway, so that each packet passes the rules of the Services in both
directions.
"""

import subprocess

GATEWAY = "10.244.0.1"
NODE_ADDRESS = "10.244.0.{}"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"


def ip(*words: str):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _batch(lines: list, *words: str):
    subprocess.run(["ip", *words, "-batch", "-"], input="\n".join(lines) + "\n", check=True, capture_output=True, text=True)


def prepare(nodes: int):
    """Sets up the machine that acts as all nodes: addresses of gateway and nodes, forwarding, a route to the Services."""
    lines = ["link set lo up", f"address add {GATEWAY}/32 dev lo"]
    lines += [f"address add {NODE_ADDRESS.format(number + 10)}/32 dev lo" for number in range(1, nodes + 1)]
    # The rules of the Services change the destination before routing.
    lines.append(f"route add {SERVICE_RANGE} dev lo src {GATEWAY}")
    _batch(lines)
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
        file.write("1")


def pod_range(node: int) -> str:
    return f"10.244.{node}.0/24"


def set_link(name: str, is_up: bool):
    """Takes a pod's link down, or up again, with the route that the kernel removed."""
    ip("link", "set", name, "up" if is_up else "down")
    if is_up:
        address = "10.244." + name.removeprefix("p").replace("-", ".")
        ip("route", "replace", f"{address}/32", "dev", name, "src", GATEWAY)


class Addresses:
    """The pod addresses of one node. A released address is reused as late as possible."""

    def __init__(self, node: int):
        self._free = [f"10.244.{node}.{number}" for number in range(2, 255)]

    def take(self) -> str:
        return self._free.pop(0)

    def give_back(self, address: str):
        self._free.append(address)


class PodNetwork:
    """A pod's network namespace and the link to it."""

    def __init__(self, name: str, address: str):
        """`name`, at most 15 bytes, names the namespace and the link."""
        self.name, self.address = name, address
        self.path = f"/run/netns/{name}"

    def set_up(self):
        # Left behind by a killed runner.
        self.tear_down()
        ip("netns", "add", self.name)
        _batch([
            f"link add {self.name} type veth peer name eth0 netns {self.name}",
            f"link set {self.name} up",
            f"address add {GATEWAY}/32 dev {self.name}",
            f"route add {self.address}/32 dev {self.name} src {GATEWAY}",
        ])
        _batch([
            "link set lo up",
            f"address add {self.address}/32 dev eth0",
            "link set eth0 up",
            f"route add {GATEWAY} dev eth0 scope link",
            f"route add default via {GATEWAY} dev eth0",
        ], "-n", self.name)

    def tear_down(self):
        subprocess.run(["ip", "link", "delete", self.name], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)
