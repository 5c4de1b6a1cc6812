#!/usr/bin/env python3
"""Writes to a cluster all the time, as others do on one in use: noise.py FOLDER RATE [PORT].

FOLDER is what benches/kube.sh made: it holds ca.crt, admin.crt and admin.key. RATE is writes a second:
four of five to a ConfigMap, the fifth to a ServiceAccount, so that every LIST has something to wait for.
"""
import http.client
import json
import ssl
import sys
import time

folder, rate = sys.argv[1], float(sys.argv[2])
port = int(sys.argv[3]) if len(sys.argv) > 3 else 26443
context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
context.load_cert_chain(f"{folder}/admin.crt", f"{folder}/admin.key")
server = http.client.HTTPSConnection("127.0.0.1", port, context=context)


def call(method, path, body, kind="application/json"):
    server.request(method, path, json.dumps(body), {"Content-Type": kind})
    answer = server.getresponse()
    answer.read()
    return answer.status


CORE = "/api/v1/namespaces"
call("POST", CORE, {"metadata": {"name": "noise"}})
for kind in ("configmaps", "serviceaccounts"):
    call("POST", f"{CORE}/noise/{kind}", {"metadata": {"name": "noise"}})
turn, due = 0, time.monotonic()
while True:
    turn += 1
    kind = "configmaps" if turn % 5 else "serviceaccounts"
    change = {"metadata": {"annotations": {"turn": str(turn)}}}
    status = call("PATCH", f"{CORE}/noise/{kind}/noise", change, "application/merge-patch+json")
    assert status == 200, status
    due += 1 / rate
    time.sleep(max(0.0, due - time.monotonic()))
