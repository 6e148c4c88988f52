#!/usr/bin/env python3
"""Makes or deletes many annotated Services as fast as it can, over 8 connections.

usage: services.py KUBECONFIG create|delete COUNT

The kubeconfig is JSON with a token. Prints {"first": NS, "last": NS, "count": N}: when the first answer and the last one came, CLOCK_BOOTTIME.
"""
import base64
import http.client
import json
import ssl
import sys
import threading
import time
import urllib.parse

CONNECTIONS = 8
config = json.load(open(sys.argv[1]))
action, count = sys.argv[2], int(sys.argv[3])
cluster = config["clusters"][0]["cluster"]
token = config["users"][0]["user"]["token"]
address = urllib.parse.urlsplit(cluster["server"])
tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
PATH = "/api/v1/namespaces/default/services"
answered, failures, lock = [], [], threading.Lock()
numbers = iter(range(count))


def service(number):
    check = {"http_check": {"instances": [{"name": f"many-{number}", "url": "http://%%host%%:%%port%%/"}]}}
    return {
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": f"many-{number}", "annotations": {"ad.datadoghq.com/service.checks": json.dumps(check)}},
        "spec": {"ports": [{"port": 80}]},
    }


def work():
    connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=60, context=tls)
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        if action == "create":
            connection.request("POST", PATH, json.dumps(service(number)), headers)
        else:
            connection.request("DELETE", f"{PATH}/many-{number}", headers=headers)
        response = connection.getresponse()
        body = response.read()
        if response.status // 100 != 2:
            failures.append(body[:300].decode(errors="replace"))
            return
        answered.append(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failures or len(answered) != count:
    sys.exit(f"{len(answered)} of {count} done: {failures[:1]}")
print(json.dumps({"first": min(answered), "last": max(answered), "count": count}))
