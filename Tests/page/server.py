"""A simulated server for the page, on loopback, whose picture the tests change."""
import copy, http.server, json, threading, time, urllib.parse
from document import document, policy

TOKEN = "operator-token-of-the-tests"
PREFIX = "/api/v1/clusterchecks/"
PAGE_HEADERS = {"Content-Security-Policy": policy(), "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer"}


def now_ms():
    return time.time_ns() // 1_000_000


class Server:
    """`with server.changing() as picture` changes the picture and wakes who waits. `mode` says how calls are answered:
    "well", "silent" (accepted, never answered), "away" (the connection breaks) or "busy" (503)."""

    def __init__(self, picture=None):
        self.lock = threading.Condition()
        self.revision, self.mode, self.token = 1, "well", TOKEN
        self.picture = picture or empty_picture()
        self.explanations, self.requests = {}, []
        self.body, self.overview_answers = None, 0
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        with self.lock:
            self.mode = "away"
            self.lock.notify_all()
        self.http.shutdown()
        self.http.server_close()

    def changing(self):
        return Changing(self)

    def set_mode(self, mode):
        with self.lock:
            self.mode = mode
            self.lock.notify_all()

    def set_token(self, token):
        with self.lock:
            self.token = token
            self.lock.notify_all()

    def encoded(self):
        """The picture as bytes, encoded once for each revision. The lock is held."""
        if self.body is None or self.body[0] != self.revision:
            # A picture may tell when it was made itself: an old one does.
            whole = {"now_ms": now_ms(), **self.picture, "version": f"t1-{self.revision}"}
            self.body = self.revision, json.dumps(whole).encode()
        return self.body[1]

    def overview(self, query):
        after, wait = query.get("after", [None])[0], min(10.0, float(query.get("wait", ["0"])[0]))
        deadline = time.monotonic() + wait
        with self.lock:
            while after == f"t1-{self.revision}" and self.mode == "well" and self.token == TOKEN:
                left = deadline - time.monotonic()
                if left <= 0:
                    return 304, b""
                self.lock.wait(left)
            if self.mode == "well" and self.token == TOKEN:
                self.overview_answers += 1
                return 200, self.encoded()
            return self.refusal()

    def refusal(self):
        if self.mode == "busy":
            return 503, json.dumps({"message": "not ready: the mirror is being read"}).encode()
        if self.mode != "well":
            while self.mode == "silent":
                self.lock.wait(1)
            return 0, b""
        return 403, b'{"message": "operators only"}'

    def explain(self, check):
        with self.lock:
            if self.mode != "well":
                return self.refusal()
            found = self.explanations.get(check) or self.explanation(check)
        return (200, json.dumps(found).encode()) if found else (404, b'{"message": "no such check"}')

    def explanation(self, check):
        for row in self.picture["checks"]:
            if row[0] == check:
                return explanation(row, self.picture["nodes"])
        return None

    def handler(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                server.requests.append((self.path, self.headers.get("Host"), self.headers.get("Cookie")))
                split = urllib.parse.urlsplit(self.path)
                if split.path == "/":
                    return self.answer(200, document(), "text/html; charset=utf-8", PAGE_HEADERS)
                if self.headers.get("Authorization") != f"Bearer {server.token}":
                    return self.answer(403, b'{"message": "operators only"}')
                if split.path == PREFIX + "overview":
                    return self.answer(*server.overview(urllib.parse.parse_qs(split.query)))
                if split.path.startswith(PREFIX + "explain/check/"):
                    name = split.path.removeprefix(PREFIX + "explain/check/")
                    return self.answer(*server.explain(urllib.parse.unquote(name)))
                self.answer(404, b'{"message": "not found"}')

            def answer(self, status, body, kind="application/json", headers={}):
                if status == 0:
                    self.close_connection = True
                    return
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        return Handler


class Changing:
    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.server.lock.acquire()
        return self.server.picture

    def __exit__(self, *_):
        self.server.revision += 1
        count(self.server.picture)
        self.server.lock.notify_all()
        self.server.lock.release()


def count(picture):
    """Brings the counts up to date with the lists."""
    states = [row[3] for row in picture["checks"]]
    picture["counts"] = {
        "configs": len(states), "endpoints_checks": 0, "dangling": states.count("unassigned"),
        "problems": len(picture["problems"]), "nodes": len(picture["nodes"]), "passing": states.count("up"),
        "failing": states.count("down"), "stale": states.count("stale"), "unknown": states.count("unknown")}
    picture["problem_count"] = max(picture.get("problem_count", 0), len(picture["problems"]))


def empty_picture():
    picture = {
        "answered_by": "cluster-agent-6c9f8d-x2x7k", "is_last_known": False, "age_ms": 0, "reason": "",
        "leader": {"name": "cluster-agent-6c9f8d-x2x7k", "since_ms": now_ms() - 5_400_000},
        "replicas": [{"name": "cluster-agent-6c9f8d-x2x7k", "role": "leader"},
                     {"name": "cluster-agent-6c9f8d-p4q9s", "role": "may take over"}],
        "warmup_left_s": None, "api_contact_ms": now_ms() - 800, "certificate_expires_ms": now_ms() + 300 * 86_400_000,
        "nodes": [], "checks": [], "problems": [], "problem_count": 0, "history": []}
    count(picture)
    return picture


def node(name, kind="agent", **values):
    return {"id": name, "kind": kind, "pod": f"monitoring/node-agent-{name[-4:]}", "address": "10.0.3.17", "conditions": [],
            "silent_ms": 1200, "checks": 0, "cost": 0.0, "capacity": 100.0, "load": 0.0, **values}


SERVICES = ["shop/web", "shop/cart", "shop/checkout", "shop/search", "billing/ledger", "billing/invoices", "auth/login",
            "auth/sessions", "media/thumbnails", "media/uploads", "platform/registry", "platform/queue", "data/warehouse",
            "data/postgres", "data/redis", "edge/ingress"]
CHECKS = ["http_check", "tcp_check", "tls", "redisdb", "postgres", "openmetrics"]


def scaled_picture(checks, nodes, failing=0):
    """A picture with so many checks, nodes and failing checks; the same each time."""
    now, picture = now_ms(), empty_picture()
    picture["nodes"] = [node(f"worker-{index:04d}", load=(index * 37 % 80) / 100, cost=float(index * 37 % 80))
                        for index in range(nodes)]
    for index in range(checks):
        service = SERVICES[index % len(SERVICES)]
        place = index % nodes if nodes else -1
        fails = index < failing
        picture["checks"].append([
            f"{CHECKS[index % len(CHECKS)]}:{service.replace('/', '-')}-{index:05d}:{(index * 2654435761) % 2**32:08x}",
            f"kube_service://{service}-{index:05d}", place, "down" if fails else "up", now - 60_000 - index * 1000,
            now - 61_000 if fails else now - 5_000, "timeout: no answer within 2 s" if fails else "", 12 + index % 40])
        if place >= 0:
            picture["nodes"][place]["checks"] += 1
    count(picture)
    return picture


def realistic_picture():
    """A small cluster at night: two checks of one service fail since its node was lost, and one config is wrong."""
    now, picture = now_ms(), scaled_picture(148, 12)
    minutes = 60_000
    checks = picture["checks"]

    def set_state(index, state, since, success, error):
        checks[index][3:7] = [state, now - since, now - success if success is not None else None, error]

    set_state(18, "down", 4 * minutes, 4 * minutes + 15_000, "timeout: no answer within 2 s from 10.0.7.31:8080")
    set_state(34, "down", 4 * minutes + 9_000, 4 * minutes + 24_000, "refused: 10.0.7.31:9090 refused the connection")
    set_state(77, "down", 187 * minutes, None, "status: 503 instead of 200 (body contains \"upstream connect error\")")
    set_state(91, "stale", 9 * minutes, 9 * minutes, "no result for three periods")
    set_state(120, "unassigned", 6 * minutes, None, "no node matches the selector disk=ssd; 12 nodes were considered")
    checks[120][2] = -1
    set_state(121, "unknown", 20_000, None, "")
    for place, load in enumerate([0.92, 0.71, 0.68, 0.66, 0.61, 0.58, 0.55, 0.52, 0.49, 0.33, 0.31, 0.12]):
        picture["nodes"][place].update(load=load, cost=round(load * 100, 1), silent_ms=700 + place * 310)
    picture["nodes"][3].update(conditions=["cordoned"])
    picture["nodes"][7].update(conditions=["draining", "not ready"], silent_ms=26_000)
    picture["nodes"][10].update(kind="runner", pod="monitoring/cluster-check-runner-7f9c-qm2wz")
    picture["nodes"][11].update(kind="prometheus", pod="monitoring/prometheus-0", capacity=None, load=None)
    picture["problems"] = [
        {"object": "kube_service://data/postgres", "severity": "error", "since": "", "keeps_last": True,
         "reason": "annotation ad.datadoghq.com/service.instances: item 2: the key 'password' has no value"},
        {"object": "file:/etc/cluster-agent/conf.d/legacy.yaml", "severity": "warning",
         "since": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 2400)), "keeps_last": False,
         "reason": "line 14: the option 'collect_default_metrics' is not supported and has no effect"}]

    def happened(ago, kind, **values):
        return {"time_ms": now - ago, "kind": kind, **values}

    moved = [happened(4 * minutes + 30_000 + index * 40, "moved", check=checks[index][0],
                      config=f"kube_service:{checks[index][1]}#http_check#0", **{"from": "worker-0099"},
                      node=f"worker-{index % 12:04d}", reason="lost") for index in (18, 34, 50, 66)]
    picture["history"] = sorted([
        happened(90 * 60_0 + 51 * minutes, "leader", node="cluster-agent-6c9f8d-x2x7k", reason="the Lease ran out"),
        happened(38 * minutes, "added", check=checks[40][0], config=f"kube_service:{checks[40][1]}#http_check#0"),
        happened(33 * minutes, "operator", check="drain worker-0007", node="10.0.0.4", reason="operator: accepted"),
        happened(32 * minutes, "condition", node="worker-0007", reason="draining"),
        happened(31 * minutes, "moved", check=checks[7][0], config=f"kube_service:{checks[7][1]}#tcp_check#0",
                 **{"from": "worker-0007"}, node="worker-0002", reason="drain"),
        happened(12 * minutes, "changed", check=checks[12][0], config=f"kube_service:{checks[12][1]}#http_check#0",
                 node="worker-0000"),
        happened(6 * minutes, "dangles", check=checks[120][0], config=f"kube_service:{checks[120][1]}#http_check#0",
                 reason="no node matches the selector"),
        happened(4 * minutes + 31_000, "lost", node="worker-0099", reason="silent for 30 s"), *moved,
        happened(2 * minutes, "joined", node="worker-0011")], key=lambda entry: entry["time_ms"])
    count(picture)
    return picture


def explanation(row, nodes):
    """What the API says of a check of the picture, such as a leader that has kept results for nine hours."""
    now = now_ms()
    fails = row[3] == "down"
    name = row[0].split(":")[0]
    strip = list("p" * 36)
    for place in (7, 8, 21):
        strip[place] = "f"
    strip[14] = "-"
    if fails:
        strip[-2:] = "fF"
    return {
        "check": row[0], "source": row[1], "node": nodes[row[2]]["id"] if row[2] >= 0 else None,
        "reason": "it has the least load of the 11 nodes that may run it" if row[2] >= 0 else row[6],
        "eligible": 11 if row[2] >= 0 else 0,
        "obstacles": [{"node": "worker-0003", "reason": "cordoned"}, {"node": "worker-0007", "reason": "draining"}],
        "cost": 1.0, "cost_known_from": "its author", "stays_because": ["it moved less than 10 min ago"],
        "next_node": "worker-0005",
        "definition": {"check_name": name, "init_config": {}, "instances": [
            {"name": row[1].split("://")[1], "url": "http://10.0.7.31:8080/healthz", "timeout": 2, "min_collection_interval": 15,
             "http_response_status_code": "200", "username": "probe", "password": "********", "tags": ["team:shop", "env:prod"]}],
            "source": f"kube_service:{row[1]}"},
        "result": {"up": not fails, "stale": row[3] == "stale", "age": 3, "lasted": 240, "took_ms": row[7],
                   **({"kind": "timeout", "reason": row[6], "succeeded": 255} if fails else {})},
        "strip": {"slot_ms": 900_000, "from_ms": now - now % 900_000 - 35 * 900_000, "slots": "".join(strip)}}


def same(picture):
    return copy.deepcopy(picture)
