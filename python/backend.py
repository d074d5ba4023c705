"""Builds the wheel: the package, and the program that `./dev build` made. Python's standard library only, so
that `pip install ./python` needs no network. PEP 517, PEP 660."""

import base64
import hashlib
import os
import pathlib
import sysconfig
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
NAME, VERSION = "lander", "0.1.0"
INFO = f"{NAME}-{VERSION}.dist-info"
METADATA = f"""Metadata-Version: 2.1
Name: {NAME}
Version: {VERSION}
Summary: Learn what is normal, detect what is not, predict what remains: Lander on DataFrames
Requires-Python: >=3.9
"""


def program():
    given = os.environ.get("LANDER")
    path = pathlib.Path(given) if given else HERE.parent / "build" / "release" / "bin" / "lander"
    if not path.is_file() or not os.access(path, os.X_OK):
        raise SystemExit(f"\nerror: the program is not there: {path}\n"
                         "       Build it first with ./dev build, or say where it is: LANDER=/path/to/lander\n")
    return path


class Wheel:
    def __init__(self, folder, tag):
        self.name = f"{NAME}-{VERSION}-{tag}.whl"
        self.zip = zipfile.ZipFile(pathlib.Path(folder) / self.name, "w", zipfile.ZIP_DEFLATED)
        self.record = []
        self.add(f"{INFO}/METADATA", METADATA.encode())
        pure = "true" if tag.endswith("any") else "false"
        self.add(f"{INFO}/WHEEL",
                 f"Wheel-Version: 1.0\nGenerator: lander\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode())

    def add(self, name, data, mode=0o644):
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0o100000 | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        self.zip.writestr(entry, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self.record.append(f"{name},sha256={digest},{len(data)}\n")

    def finish(self):
        self.zip.writestr(f"{INFO}/RECORD", "".join(self.record) + f"{INFO}/RECORD,,\n")
        self.zip.close()
        return self.name


def build_wheel(folder, config_settings=None, metadata_directory=None):
    binary = program()
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    wheel = Wheel(folder, f"py3-none-{platform}")
    for path in sorted((HERE / "lander").glob("*.py")):
        wheel.add(f"lander/{path.name}", path.read_bytes())
    wheel.add("lander/bin/lander", binary.read_bytes(), 0o755)
    return wheel.finish()


def build_editable(folder, config_settings=None, metadata_directory=None):
    wheel = Wheel(folder, "py3-none-any")
    wheel.add("lander.pth", f"{HERE}\n".encode())
    return wheel.finish()
