#!/usr/bin/env python3
"""Nothing that is committed names a machine it was made on or a registry's host.

Such a name works for one person only: a checkout elsewhere breaks, and a lock file that pins a host
takes away the choice of mirror. Prints FILE:LINE: the finding; exit 1 on any.
"""
import argparse
import pathlib
import re
import subprocess
import sys

RULES = [
    (re.compile(r"(?<![\w.\-/])/(?:work|root|home/\w+|Users/\w+)/"), "a path of one machine"),
    (re.compile(r"(?<![\w.\-/])/tmp/(?!lander)\w+/"), "a path of one machine"),
    (re.compile(r"https?://[^/\s\"']*(?:registry|pypi|npmjs|crates\.io|proxy\.golang|maven|"
                r"(?:deb|security)\.debian|pythonhosted)", re.I), "a registry's host"),
    (re.compile(r'"resolved":\s*"https?:'), "a registry's host in a lock file "
                                            "(npm config omit-lockfile-registry-resolved)"),
]
# This file spells the patterns, its self-test the offences.
EXEMPT = {"tools/check_paths.py", "tools/check_selftest.py"}


def tracked(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode == 0:
        return [name for name in listed.stdout.decode().split("\0") if name]
    skipped = {"build", "node_modules", "dist", ".git", "__pycache__"}  # an unpacked archive
    return [str(p.relative_to(root)) for p in sorted(root.rglob("*"))
            if p.is_file() and not skipped & set(p.relative_to(root).parts)]


def check(root):
    lines = []
    names = tracked(root)
    for name in names:
        if name in EXEMPT or not (root / name).is_file():
            continue
        data = (root / name).read_bytes()
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            for pattern, what in RULES:
                if match := pattern.search(line):
                    lines.append(f"{name}:{number}: {what}: {match.group(0)}")
    return lines, len(names)


def main():
    here = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=here, help="the repository")
    lines, files = check(parser.parse_args().root)
    for line in lines:
        print(line)
    print(f"paths: {files} files, {len(lines)} findings")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
