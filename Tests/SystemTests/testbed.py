"""A made-up machine for one process: a /sys and a /dev of its own, and a udev that speaks when told.

Runs itself under umockdev's preload library. Reads lines from its input and answers each with one:
`plug NAME TARGET` makes /dev/NAME a link to TARGET and lists it as a USB serial port,
`unplug NAME` takes both away, `say ACTION NAME` lets udev say something again. The first line of its
output is the folder that other processes name in UMOCKDEV_DIR."""

import ctypes
import os
import pathlib
import subprocess
import sys

PRELOAD = "libumockdev-preload.so.0"


class Machine:
    """The other end: starts the program below and talks to it."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "LD_PRELOAD": PRELOAD},
        )  # fmt: skip
        self.folder = self.process.stdout.readline().strip()
        if not self.folder:
            raise RuntimeError("no testbed; is umockdev installed? deploy/setup.sh")

    @property
    def environment(self):
        """What a process needs to live there."""
        return {"LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": self.folder}

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "done":
            raise RuntimeError(f"{words}: {answer}")

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def serve():
    library = ctypes.CDLL("libumockdev.so.0")
    library.umockdev_testbed_new.restype = ctypes.c_void_p
    library.umockdev_testbed_get_root_dir.restype = ctypes.c_char_p
    library.umockdev_testbed_get_root_dir.argtypes = [ctypes.c_void_p]
    library.umockdev_testbed_add_from_string.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p,
    ]  # fmt: skip
    library.umockdev_testbed_uevent.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    library.umockdev_testbed_remove_device.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    bed = library.umockdev_testbed_new()
    root = pathlib.Path(library.umockdev_testbed_get_root_dir(bed).decode())
    (root / "dev").mkdir(exist_ok=True)
    numbers = {}

    def folders(name):
        place = f"1-{numbers.setdefault(name, len(numbers) + 1)}"
        usb = f"/devices/usb1/{place}"
        return usb, f"{usb}/{place}:1.0", f"{usb}/{place}:1.0/tty/{name}"

    def add(text):
        if not library.umockdev_testbed_add_from_string(bed, text.encode(), None):
            raise RuntimeError("the device was refused")

    def plug(name, target):
        usb, port, tty = folders(name)
        link = root / "dev" / name
        link.symlink_to(target)
        add(
            f"P: {usb}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n"
            "A: idVendor=2341\\n\nA: idProduct=0043\\n\nA: product=Uno\\n\n"
        )
        add(f"P: {port}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n")
        add(f"P: {tty}\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/{name}\nL: device=../..\n")

    def unplug(name):
        usb, port, tty = folders(name)
        (root / "dev" / name).unlink()
        library.umockdev_testbed_uevent(bed, f"/sys{tty}".encode(), b"remove")
        for path in (tty, port, usb):
            library.umockdev_testbed_remove_device(bed, f"/sys{path}".encode())

    def say(action, name):
        library.umockdev_testbed_uevent(bed, f"/sys{folders(name)[2]}".encode(), action.encode())

    print(root, flush=True)
    for line in sys.stdin:
        word, *arguments = line.split()
        try:
            {"plug": plug, "unplug": unplug, "say": say}[word](*arguments)
            print("done", flush=True)
        except Exception as problem:  # noqa: BLE001  Told to whoever asked.
            print(repr(problem), flush=True)


if __name__ == "__main__":
    serve()
