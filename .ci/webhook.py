"""A receiver of webhooks that checks every message with a Standard Webhooks library that is not ours.

Usage: python3 .ci/webhook.py BINARY BASE ENDPOINT TOKEN

SCIM_DATABASE names the database of the server at BASE. A webhook is added by the command line, users and a group are
changed over SCIM, and what arrives must be signed, whole and in order. Then the secret is rotated: the old one must
still do. The server must run with SCIM_WEBHOOK_ALLOW_PRIVATE=true.
"""

import base64
import json
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

PATIENCE = 60  # seconds until a message counts as lost
binary, base, endpoint, token = sys.argv[1:]
received = []
refused = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        # The first attempt of every third message fails: it must come again.
        number = len(received) + len(refused)
        status = 503 if number % 3 == 2 and self.headers["webhook-id"] not in refused else 204
        if status == 204:
            received.append((dict(self.headers.items()), body))
        else:
            refused.append(self.headers["webhook-id"])
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def command(*arguments):
    ran = subprocess.run([binary, *arguments, "--json"], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(f"FAILED {' '.join(arguments[:2])}: {ran.stderr}")
    return json.loads(ran.stdout)


def scim(method, path, body=None):
    ask = urllib.request.Request(base + path, method=method, data=json.dumps(body).encode() if body else None)
    ask.add_header("Authorization", f"Bearer {token}")
    ask.add_header("Content-Type", "application/scim+json")
    with urllib.request.urlopen(ask, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def wait_for(many):
    deadline = time.monotonic() + PATIENCE
    while len(received) < many:
        if time.monotonic() > deadline:
            raise SystemExit(f"FAILED {len(received)} of {many} messages arrived")
        time.sleep(0.05)


def check(what, holds):
    print(f"{'PASSED' if holds else 'FAILED'} {what}")
    return holds


def verifies(secret, message):
    headers, body = message
    try:
        return Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()}) == json.loads(body)
    except WebhookVerificationError:
        return False


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/hook"
hook = command("webhook", "add", endpoint, "--url", url)
schemas = {"User": ["urn:ietf:params:scim:schemas:core:2.0:User"], "Group": ["urn:ietf:params:scim:schemas:core:2.0:Group"]}
user = scim("POST", "/Users", {"schemas": schemas["User"], "userName": "robertt"})["id"]
group = scim("POST", "/Groups", {"schemas": schemas["Group"], "displayName": "Keepers", "members": [{"value": user}]})["id"]
patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
scim("PATCH", f"/Users/{user}", {**patch, "Operations": [{"op": "replace", "path": "active", "value": False}]})
scim("DELETE", f"/Users/{user}")
wait_for(6)

secret, first = hook["secret"], list(received)
events = [json.loads(body) for _, body in first]
# The order between a user and a group is free: which message is the first is not known.
about_user = next(message for message in first if "robertt" in message[1])
of = lambda id: [event["type"] for event in events if event["data"]["id"] == id]
good = [
    check("every message verifies", all(verifies(secret, message) for message in first)),
    check("a changed message does not", not verifies(secret, (about_user[0], about_user[1].replace("robertt", "roberta")))),
    check(
        "another secret does not",
        not verifies("whsec_" + base64.b64encode(b"\0" * 32).decode(), first[0]),
    ),
    check("the user's events are in order", of(user) == ["user.created", "user.deactivated", "user.deleted"]),
    check("the group's events are in order", of(group) == ["group.created", "member.added", "member.removed"]),
    check("what was refused came again", all(any(m[0]["webhook-id"] == id for m in received) for id in refused)),
]
fresh = command("webhook", "rotate", endpoint)["secret"]
command("webhook", "test", endpoint)
wait_for(7)
good.append(check("while a secret is replaced both verify", verifies(secret, received[-1]) and verifies(fresh, received[-1])))
command("webhook", "remove", endpoint, hook["id"])
sys.exit(0 if all(good) else 1)
