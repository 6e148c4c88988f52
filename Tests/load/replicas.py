"""Replicas of the cluster-agent with a Lease on a real API server, for the programs of this folder that restart them."""
import http.client, json, os, signal, socket, ssl, subprocess, sys, threading, time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
TOKEN = os.urandom(32).hex()
TLS = ssl.create_default_context()
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE
processes = []


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def fail(reason):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {reason}")


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    fail(f"in vain for {seconds} s: {what}")


def prepare(work):
    """Writes the token and the certificate that all replicas share."""
    with open(f"{work}/token", "w") as file:
        file.write(TOKEN)
    os.chmod(file.name, 0o600)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=cluster-agent", "-keyout", f"{work}/tls.key", "-out", f"{work}/tls.crt"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Replica:
    """One replica, with a Lease of 15 s. `binary` is CLUSTER_AGENT, or a release build, unless given."""
    starts = 0

    def __init__(self, port, plane, work, binary=None, **options):
        Replica.starts += 1
        self.name, self.port, self.work = f"replica-{Replica.starts}", port, work
        given = {
            "kubeconfig": f"{plane}/kubeconfig-cluster-agent.json", "leader_election": "true",
            "kube_resources_namespace": "cluster-agent", "cluster_agent.listen_host": "127.0.0.1",
            "cluster_agent.cmd_port": port, "cluster_agent.advertise_address": f"127.0.0.1:{port}",
            "cluster_agent.auth_token_file": f"{work}/token", "cluster_agent.tls_certificate_file": f"{work}/tls.crt",
            "cluster_agent.tls_key_file": f"{work}/tls.key", "confd_path": f"{work}/conf.d",
            "cluster_checks.warmup_duration": 5, "health_port": 0, "metrics_port": 0, "shutdown_delay": 1,
        } | options
        self.log = open(f"{work}/{self.name}.log", "w")
        self.process = subprocess.Popen(
            [binary or program("cluster-agent"), "run"] + [f"--{key}={value}" for key, value in given.items()],
            env={"POD_NAME": self.name}, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        processes.insert(0, self.process)

    def status(self):
        fields = open(f"/proc/{self.process.pid}/status").read()
        stat = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        return f"{int(fields.split('RssAnon:')[1].split()[0]) / 1024:.0f} MB, {cpu:.1f} s CPU"


def program(name):
    return os.environ.get(name.upper().replace("-", "_"), f"{ROOT}/.build-release/release/{name}")


class Cluster:
    """The API server, as its administrator."""

    def __init__(self, plane):
        config = json.load(open(f"{plane}/kubeconfig.json"))
        self.host = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
        self.token = config["users"][0]["user"]["token"]
        self.connections = threading.local()

    def call(self, method, path, body=None, content="application/json"):
        connection = getattr(self.connections, "one", None)
        if connection is None:
            connection = self.connections.one = http.client.HTTPSConnection(self.host, context=TLS, timeout=10)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            fail(f"{method} {path}: {answer.status} {data[:300]}")
        return json.loads(data)

    def add(self, name, instances):
        """Creates a Service with a config of `http_check` for each of these instances."""
        texts = {
            "check_names": ["http_check"] * len(instances), "init_configs": [{}] * len(instances), "instances": instances}
        self.call("POST", "/api/v1/namespaces/default/services", {
            "metadata": {"name": name, "annotations": {
                f"ad.datadoghq.com/service.{key}": json.dumps(value) for key, value in texts.items()}},
            "spec": {"ports": [{"port": 80}]}})

    def lease(self):
        items = self.call("GET", "/apis/coordination.k8s.io/v1/namespaces/cluster-agent/leases")["items"]
        return items[0] if items else {"spec": {}, "metadata": {}}

    def follower_is_named(self):
        """Whether the Lease names a replica whose mirror is complete."""
        return "cluster-agent/mirrored-by" in self.lease()["metadata"].get("annotations", {})


def with_control_plane(work, measure):
    """Runs `measure(plane)` beside a real control plane, and ends every process afterwards."""
    plane = f"{work}/plane"
    with open(f"{work}/plane.log", "w") as log:
        control = subprocess.Popen(
            [f"{ROOT}/Tests/setup/control-plane", plane], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    processes.append(control)
    try:
        until(lambda: os.path.exists(f"{plane}/ready"), 120, "a control plane")
        return measure(plane)
    finally:
        if kept := os.environ.get("KEEP_LOGS"):
            subprocess.run(f"mkdir -p {kept}; cp {work}/*.log {kept}", shell=True, check=False)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)
