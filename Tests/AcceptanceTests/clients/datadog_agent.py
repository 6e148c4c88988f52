#!/usr/bin/env python3
"""The side of a node agent that speaks to a cluster-agent, written from the description of the protocol alone: what it polls, how long it
believes what it knows, and when it stops its checks. It runs no check.

usage: datadog_agent.py URL TOKEN ID [--scale=0.05] [--network-scale=1] [--poll=10] [--expiration=30] [--grace=60] [--degraded=0]
                        [--reconnect=1200] [--node-type=2] [--node=NAME] [--address=IP] [--instances]

URL is a Service's address; each new connection may reach another replica. ID is the agent's host name, or the id of a cluster check runner. Times
are those of a real agent, in seconds; all but the network's are multiplied by the scale, and the network's limits by their own, so that a busy
machine does not look like a broken network. `--degraded=0` keeps running what is known for as long as it takes. `--node` makes it ask
for endpoints checks too; `--address` is sent as X-Real-Ip; `--instances` adds the decoded instances and init_config to what is scheduled.

Each line of output is a JSON object with "time" (CLOCK_BOOTTIME in nanoseconds) and "event":
  schedule, unschedule  "provider", "digest", "check", "service", and with --instances "instances" and "init_config"
  answer                "call" (version, status, configs, endpoints, heartbeat), "status", and of what was said what matters
  error                 "call", "reason": the call failed; nothing is concluded from it
  flush                 "provider", "reason": all its checks are unscheduled, since what came is no answer or the deadline has passed
  violation             "reason": an answer that a real agent takes, and that nobody may send
  client                the client was built: at the start, and again after each reconnect period
"""
import argparse
import base64
import binascii
import hashlib
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse


class RemoteError(Exception):
    """No answer, or one with another status than 200: the cluster-agent is away, and nothing is known of what it wants."""


class NotReady(Exception):
    """There is no client yet, and it is not time to try again."""


output = threading.Lock()


def tell(event, **fields):
    line = json.dumps({"time": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "event": event, **fields})
    with output:
        print(line, flush=True)


class Connection(http.client.HTTPSConnection):
    """One connection with the limits of a node agent: 1 s to dial, 5 s for TLS, 3 s for an answer to begin."""

    def __init__(self, address, limits):
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        self.limits = limits
        super().__init__(address.hostname, address.port, context=self.tls)

    def connect(self):
        plain = socket.create_connection((self.host, self.port), timeout=self.limits.dial)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(self.limits.handshake)
            self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)
            self.sock.settimeout(self.limits.header)
        except BaseException:
            plain.close()
            raise


class Limits:
    """What the network may take, in seconds."""

    def __init__(self, scale):
        self.dial, self.handshake, self.header = 1 * scale, 5 * scale, 3 * scale
        self.total, self.idle = 10 * scale, 60 * scale


class Client:
    """HTTP/1.1 over one connection per host. It is made ready by /version before anything else."""

    def __init__(self, options):
        self.address = urllib.parse.urlsplit(options.url if "//" in options.url else f"https://{options.url}")
        if self.address.scheme != "https":
            raise SystemExit(f"{options.url}: must be https")
        self.headers = {"Authorization": f"Bearer {options.token}", "X-Real-Ip": options.address}
        self.limits = Limits(options.network_scale)
        self.busy = threading.Lock()
        self.connection = None
        self.used = 0.0

    def call(self, name, method, path, body=None, total=None):
        """The body of an answer with status 200; RemoteError for everything else."""
        total = total or self.limits.total
        end = time.monotonic() + total
        if not self.busy.acquire(timeout=total):
            raise RemoteError(f"{method} {path}: no connection within {total} s")
        try:
            status, data = self.exchange(method, path, body, end)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise RemoteError(f"{method} {path}: {type(error).__name__}: {error}") from error
        finally:
            self.used = time.monotonic()
            self.busy.release()
        if status != 200:
            raise RemoteError(f"{method} {path}: {status} {data[:200].decode(errors='replace').strip()}")
        return data

    def exchange(self, method, path, body, end):
        if self.connection is not None and time.monotonic() - self.used > self.limits.idle:
            self.close()
        if self.connection is None:
            self.connection = Connection(self.address, self.limits)
            self.connection.connect()
        self.connection.sock.settimeout(self.limits.header)
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        parts = []
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the whole answer took too long")
            if self.connection.sock is not None:
                self.connection.sock.settimeout(left)
            part = response.read(65536)
            if not part:
                break
            parts.append(part)
        if response.length:
            raise http.client.IncompleteRead(b"".join(parts), response.length)
        if response.will_close:
            self.close()
        return response.status, b"".join(parts)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class ClusterAgent:
    """The client that all of the agent shares: made with back-off from 1 s to 5 min, made anew every reconnect period."""

    FIRST_PAUSE, LONGEST_PAUSE = 1, 300

    def __init__(self, options):
        self.options = options
        self.scale = options.scale
        self.lock = threading.Lock()
        self.client = None
        self.pause, self.next_try, self.rebuild_at = self.FIRST_PAUSE, 0.0, None

    def ready(self):
        """The client, which has seen a version; NotReady until then."""
        with self.lock:
            if self.rebuild_at is not None and time.monotonic() >= self.rebuild_at:
                self.rebuild()
            if self.client is not None:
                return self.client
            if time.monotonic() < self.next_try:
                raise NotReady("temporary failure in the client of the cluster-agent, will retry later")
            client = Client(self.options)
            try:
                self.see_version(client)
            except (RemoteError, ValueError) as error:
                self.next_try = time.monotonic() + self.pause * self.scale
                self.pause = min(2 * self.pause, self.LONGEST_PAUSE)
                raise NotReady(f"client: {error}") from error
            self.client = client
            self.rebuild_at = time.monotonic() + self.options.reconnect * self.scale
            tell("client")
            return client

    def rebuild(self):
        """A new connection, so that agents spread over the replicas again. What is known stays, also when the version cannot be had."""
        old, self.client = self.client, Client(self.options)
        self.rebuild_at = time.monotonic() + self.options.reconnect * self.scale
        tell("client")
        with old.busy:
            old.close()
        try:
            self.see_version(self.client)
        except (RemoteError, ValueError) as error:
            tell("error", call="version", reason=str(error))

    @staticmethod
    def see_version(client):
        version = json.loads(client.call("version", "GET", "/version"))
        major, minor = version["Major"], version["Minor"]
        if type(major) is not int or type(minor) is not int:
            raise ValueError(f"no version: {version}")
        tell("answer", call="version", status=200, version=f"{major}.{minor}")
        if major == 1 and minor < 21:
            tell("violation", reason=f"version {major}.{minor} asks for the old client, which follows redirects")


# Go's decoder: keys in any case, unknown ones ignored, missing ones and nulls tolerated, another type is an error.
FIELDS = {
    "check_name": str, "instances": [bytes], "init_config": bytes, "metric_config": bytes, "logs": bytes, "ad_identifiers": [str],
    "advanced_ad_identifiers": [dict], "provider": str, "service_id": str, "cluster_check": bool, "node_name": str, "source": str,
    "ignore_autodiscovery_tags": bool, "check_tag_cardinality": str, "metrics_excluded": bool, "logs_excluded": bool,
}
DIGESTED = ["check_name", "instances", "init_config", "ad_identifiers", "node_name", "logs", "service_id", "ignore_autodiscovery_tags"]


def decoded(value, kind, place):
    if value is None:
        return None
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise ValueError(f"{place} is no list")
        return [decoded(one, kind[0], f"{place}[{index}]") for index, one in enumerate(value)]
    if kind is bytes:
        if not isinstance(value, str):
            raise ValueError(f"{place} is no base64")
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError(f"{place}: {error}") from error
    if type(value) is not kind:
        raise ValueError(f"{place} is a {type(value).__name__}, not a {kind.__name__}")
    return value


class Config:
    """One config as it was received."""

    def __init__(self, given, place):
        if not isinstance(given, dict):
            raise ValueError(f"{place} is no object")
        folded = {name.lower(): value for name, value in given.items()}
        self.fields = {name: decoded(folded.get(name), kind, f"{place}.{name}") for name, kind in FIELDS.items()}
        digest = hashlib.sha256()
        for name in DIGESTED:
            digest.update(repr((name, self.fields[name])).encode())
        self.digest = digest.hexdigest()[:16]
        self.missing = [name for name in FIELDS if name not in given]

    def tell(self, event, provider, with_instances):
        more = {}
        if with_instances:
            more["instances"] = [(one or b"").decode() for one in self.fields["instances"] or []]
            more["init_config"] = (self.fields["init_config"] or b"").decode()
        tell(
            event, provider=provider, digest=self.digest, check=self.fields["check_name"], service=self.fields["service_id"], **more)


def parse_configs(data):
    """(last_change, configs) of an answer; ValueError if a decoder of its types would refuse it."""
    try:
        answer = json.loads(data)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(answer, dict):
        raise ValueError("the answer is no object")
    last_change = answer.get("last_change") or 0
    if type(last_change) is not int or not -(1 << 63) <= last_change < 1 << 63:
        raise ValueError("last_change is no int64")
    configs = decoded(answer.get("configs"), [dict], "configs") or []
    return last_change, [Config(one, f"configs[{index}]") for index, one in enumerate(configs)]


class Provider:
    """What a source of configs told last, and the checks that run because of it."""

    def __init__(self, name, agent, options):
        self.name, self.agent, self.options = name, agent, options
        self.scale = options.scale
        self.running = {}
        self.reached = time.monotonic()
        self.flushed = False

    def run(self):
        """The poll loop: every interval, fetch unless what is known is up to date."""
        while True:
            time.sleep(self.options.poll * self.scale)
            try:
                if self.is_up_to_date():
                    continue
            except (RemoteError, NotReady, ValueError) as error:
                tell("error", call="status", reason=str(error))
            try:
                self.replace(self.collect())
            except (RemoteError, NotReady, ValueError) as error:
                tell("error", call=self.name, reason=str(error))

    def collect(self):
        """The whole set that is wanted. An answer that is none, or no answer for too long, is once the empty set."""
        client = self.agent.ready()
        try:
            configs = self.fetch(client)
        except (RemoteError, ValueError, KeyError) as error:
            if isinstance(error, RemoteError) and self.is_within_deadline():
                raise
            if self.flushed:
                raise RemoteError(str(error)) from error
            self.flushed = True
            tell("flush", provider=self.name, reason=str(error))
            return []
        self.flushed = False
        self.reached = time.monotonic()
        return configs

    def is_within_deadline(self):
        degraded = self.options.degraded * self.scale
        return degraded == 0 or time.monotonic() - self.reached < degraded

    def replace(self, configs):
        """The list replaces what there was; only differences are scheduled and unscheduled."""
        wanted = {config.digest: config for config in configs}
        for config in configs:
            self.inspect(config)
        for digest in sorted(self.running.keys() - wanted.keys()):
            self.running.pop(digest).tell("unschedule", self.name, self.options.instances)
        for digest in sorted(wanted.keys() - self.running.keys()):
            self.running[digest] = wanted[digest]
            wanted[digest].tell("schedule", self.name, self.options.instances)

    def inspect(self, config):
        fields = config.fields
        if config.missing:
            tell("violation", reason=f"{fields['check_name']}: {config.missing} are missing")
        if fields["cluster_check"]:
            tell("violation", reason=f"{fields['check_name']}: cluster_check is true in what was dispatched")
        if fields["advanced_ad_identifiers"]:
            tell("violation", reason=f"{fields['check_name']}: advanced_ad_identifiers were dispatched")
        if self.name == "configs" and fields["ad_identifiers"]:
            tell("violation", reason=f"{fields['check_name']}: a cluster check is a template: {fields['ad_identifiers']}")


class ClusterChecks(Provider):
    """Cluster checks: a status first, and the configs only when it says that they are others."""

    def __init__(self, agent, options):
        super().__init__("configs", agent, options)
        self.last_change = 0
        self.heard = None
        self.heartbeat = 0.0
        self.path = urllib.parse.quote(options.id, safe="")
        try:
            self.is_up_to_date()
        except (RemoteError, NotReady, ValueError) as error:
            tell("error", call="status", reason=str(error))

    def status(self, last_change):
        report = {"last_change": last_change}
        if self.options.node_type:
            report["node_type"] = self.options.node_type
        return json.dumps(report, separators=(",", ":"))

    def is_up_to_date(self):
        client = self.agent.ready()
        try:
            answer = json.loads(client.call("status", "POST", f"/api/v1/clusterchecks/status/{self.path}", self.status(self.last_change)))
            if type(answer.get("isuptodate")) is not bool:
                raise ValueError(f"status answer: {answer}")
        except (RemoteError, ValueError) as error:
            if self.heard is not None and time.monotonic() - self.heard < self.options.grace * self.scale:
                tell("error", call="status", reason=f"within the grace period: {error}")
                return True
            raise
        self.heard = self.reached = time.monotonic()
        tell("answer", call="status", status=200, uptodate=answer["isuptodate"], last_change=self.last_change)
        return answer["isuptodate"]

    def fetch(self, client):
        last_change, configs = parse_configs(client.call("configs", "GET", f"/api/v1/clusterchecks/configs/{self.path}"))
        tell("answer", call="configs", status=200, last_change=last_change, count=len(configs))
        self.last_change = last_change
        return configs

    def beat(self):
        """Extra heartbeats while the poll loop has not come round for nearly the time after which the node counts as lost."""
        silence = (self.options.expiration - 5) * self.scale
        while True:
            time.sleep(1 * self.scale)
            now = time.monotonic()
            if now - (self.heard or 0) <= silence or now - self.heartbeat <= silence:
                continue
            self.heartbeat = now
            try:
                limit = 5 * self.options.network_scale
                self.agent.ready().call(
                    "heartbeat", "POST", f"/api/v1/clusterchecks/status/{self.path}", self.status(-1), total=limit)
                tell("answer", call="heartbeat", status=200)
            except (RemoteError, NotReady) as error:
                tell("error", call="heartbeat", reason=str(error))


class EndpointsChecks(Provider):
    """Endpoints checks of the Kubernetes node: no status, fetched on every poll."""

    def __init__(self, agent, options):
        super().__init__("endpoints", agent, options)
        self.path = urllib.parse.quote(options.node, safe="")

    def is_up_to_date(self):
        return False

    def fetch(self, client):
        last_change, configs = parse_configs(client.call("endpoints", "GET", f"/api/v1/endpointschecks/configs/{self.path}"))
        tell("answer", call="endpoints", status=200, last_change=last_change, count=len(configs))
        return configs


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("url", "token", "id"):
        parser.add_argument(name)
    times = {"scale": 0.05, "network-scale": 1, "poll": 10, "expiration": 30, "grace": 60, "degraded": 0, "reconnect": 1200}
    for name, value in times.items():
        parser.add_argument(f"--{name}", type=float, default=value)
    parser.add_argument("--node-type", type=int, default=2)
    parser.add_argument("--node", default="")
    parser.add_argument("--address", default="")
    parser.add_argument("--instances", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    agent = ClusterAgent(options)
    checks = ClusterChecks(agent, options)
    loops = [checks.run, checks.beat]
    if options.node:
        loops.append(EndpointsChecks(agent, options).run)
    threads = [threading.Thread(target=loop, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    # A loop that died would look like a calm agent.
    while all(thread.is_alive() for thread in threads):
        time.sleep(0.2)
    raise SystemExit(3)


main()
