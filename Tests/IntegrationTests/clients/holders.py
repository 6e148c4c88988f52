#!/usr/bin/env python3
"""Several node-agents in one process that know only the public protocol, for thousands of configs: they say how many they hold, not which.

usage: holders.py URL TOKEN COUNT POLL_SECONDS

Prints {"time": NS, "held": N, "distinct": M, "fewest": K} whenever the sets change: the configs that all hold, how many different ones these are,
and the smallest set. Time is CLOCK_BOOTTIME.
"""
import http.client
import json
import ssl
import sys
import time
import urllib.parse

URL, TOKEN, COUNT, POLL = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
address = urllib.parse.urlsplit(URL)
tls = ssl.create_default_context()
tls.check_hostname = False
tls.verify_mode = ssl.CERT_NONE


def call(connection, method, path, body=None):
    connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", "X-Real-Ip": ""})
    response = connection.getresponse()
    data = response.read()
    if response.status != 200:
        raise OSError(f"{method} {path}: {response.status} {data[:100]!r}")
    return json.loads(data)


class Holder:
    def __init__(self, name):
        self.name, self.revision, self.held = name, 0, []
        self.connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=30, context=tls)

    def poll(self):
        report = json.dumps({"last_change": self.revision, "node_type": 2})
        try:
            if call(self.connection, "POST", f"/api/v1/clusterchecks/status/{self.name}", report)["isuptodate"]:
                return False
            answer = call(self.connection, "GET", f"/api/v1/clusterchecks/configs/{self.name}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.connection.close()
            print(json.dumps({"error": str(error)}), file=sys.stderr)
            return False
        self.revision = answer["last_change"]
        self.held = [(config["service_id"], *config["instances"]) for config in answer["configs"]]
        return True


holders = [Holder(f"holder-{number}") for number in range(COUNT)]
while True:
    if any([holder.poll() for holder in holders]):
        every = [one for holder in holders for one in holder.held]
        fewest = min(len(holder.held) for holder in holders)
        print(
            json.dumps({
                "time": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "held": len(every), "distinct": len(set(every)),
                "fewest": fewest,
            }), flush=True)
    time.sleep(POLL)
