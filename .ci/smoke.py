"""Starts the release binary in an empty folder, asks it whether it lives, stops it with SIGTERM.

Usage: python3 .ci/smoke.py PATH-TO-BINARY
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE = 60  # seconds until a machine under load counts as broken


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, probe, process):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with code {process.returncode} while waiting for {what}")
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit(f"no {what} within {PATIENCE} s")


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def main(binary):
    binary = os.path.abspath(binary)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCIM_")}
    with tempfile.TemporaryDirectory() as folder:
        output_path = os.path.join(folder, "output")
        with open(output_path, "w+b") as output:
            begun = time.monotonic()
            process = subprocess.Popen(
                [binary, "--listen", f"127.0.0.1:{port}"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                wait_for("answer of /healthz", lambda: get(f"{base}/healthz") == 200, process)
                print(f"up after {(time.monotonic() - begun) * 1000:.0f} ms")

                def link():
                    with open(output_path, encoding="utf-8", errors="replace") as text:
                        return re.search(r"/setup/[A-Za-z0-9_-]+", text.read())

                wait_for("set-up link in the output", link, process)
                for path in ("/readyz", "/metrics"):
                    status = get(base + path)
                    print(f"{path}: {status}")
                    if path == "/readyz" and status != 200:
                        raise SystemExit("/readyz is not 200")
                process.send_signal(signal.SIGTERM)
                code = process.wait(timeout=PATIENCE)
                if code != 0:
                    raise SystemExit(f"SIGTERM ended the server with code {code}, wanted 0")
                print("stopped by SIGTERM with code 0")
            except BaseException:
                with open(output_path, encoding="utf-8", errors="replace") as text:
                    # The set-up code is a secret of this throw-away folder only.
                    print("--- output of the server ---\n" + text.read(), file=sys.stderr)
                raise
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if not os.path.exists(os.path.join(folder, "data", "scim.db")):
            raise SystemExit("no data/scim.db in the folder it was started in")


if __name__ == "__main__":
    main(sys.argv[1])
