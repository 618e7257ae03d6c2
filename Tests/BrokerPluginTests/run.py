"""Runs every test of this folder against a real Mosquitto; ends with `N passed, N failed`."""

import argparse
import inspect
import os
import shutil
import subprocess
import sys
import time
import traceback

import test_access
import test_authentication
import test_hostile
import test_revocation
import test_start
from broker import Broker

MODULES = [test_start, test_authentication, test_access, test_revocation, test_hostile]


def tests():
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and function.__module__ == module.__name__:
                yield name, function


def clean_up():
    """Ends the brokers that a failed test left; shows the last of what they said."""
    for broker in list(Broker.running):
        print("\n".join(broker.log[-5:]), file=sys.stderr)
        if broker.process.poll() is None:
            broker.process.kill()
            broker.process.wait()
        shutil.rmtree(broker.folder, ignore_errors=True)
    Broker.running.clear()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--pure", help="the program of the pure tests")
    parser.add_argument("--preload", help="for LD_PRELOAD of the broker, as a sanitizer needs")
    parser.add_argument("--only", default="", help="part of a test's name")
    options = parser.parse_args()
    Broker.plugin = options.plugin
    Broker.preload = options.preload
    passed = failed = 0
    if options.pure and not options.only:
        code = subprocess.run([os.path.abspath(options.pure)]).returncode
        passed, failed = passed + (code == 0), failed + (code != 0)
        print("ok  " if code == 0 else "FAIL", "pure tests", flush=True)
    for name, function in tests():
        if options.only not in name:
            continue
        start = time.monotonic()
        try:
            function()
            passed += 1
            word = "ok  "
        except Exception:
            failed += 1
            word = "FAIL"
            traceback.print_exc()
        finally:
            clean_up()
        print(f"{word} {name[5:].replace('_', ' ')} ({time.monotonic() - start:.2f} s)",
              flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
