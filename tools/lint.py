#!/usr/bin/env python3
"""clang-tidy over our sources (not their tests), each only when it or what it includes of ours has changed.

A file that was clean leaves a stamp in build/lint, named by the content of the file, of every header
of ours that it reaches, and of .clang-tidy: what is unchanged is not looked at again.
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"


@functools.lru_cache(maxsize=None)
def includes(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    found = re.findall(r'(?m)^\s*#\s*include\s*"([^"]+)"', text)
    return [SRC / name for name in found if (SRC / name).is_file()]


def reached(path):
    seen, todo = set(), [path]
    while todo:
        for header in includes(todo.pop()):
            if header not in seen:
                seen.add(header)
                todo.append(header)
    return sorted(seen)


def key_of(path, command):
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes() + command.encode())
    for file in [path, *reached(path)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def lint(path, build):
    done = subprocess.run(["clang-tidy-14", "--quiet", "-p", build, path], capture_output=True,
                          text=True, check=False)
    return path, done.returncode, done.stdout, done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=ROOT / "build/release", type=pathlib.Path)
    parser.add_argument("--all", action="store_true", help="also what was clean before")
    parser.add_argument("files", nargs="*", help="only these (default: all of ours)")
    args = parser.parse_args()
    stamps = ROOT / "build/lint"
    stamps.mkdir(parents=True, exist_ok=True)

    wanted = {pathlib.Path(name).resolve() for name in args.files}
    todo, seen = {}, set()
    for entry in json.loads((args.build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        ours = (path.suffix == ".cc" and not path.stem.endswith("_test") and path.is_file()
                and not path.is_relative_to(ROOT / "build"))
        if not ours or path in seen or (wanted and path not in wanted):
            continue
        seen.add(path)  # what several targets compile is looked at once
        stamp = stamps / key_of(path, entry["command"])
        if args.all or not stamp.exists():
            todo[path] = stamp

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(lint, path, args.build) for path in sorted(todo)]
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            path, code, out, err = job.result()
            print(f"[{number}/{len(jobs)}] {path.relative_to(ROOT)}", flush=True)
            if code == 0:
                todo[path].touch()
            else:
                failed += 1
                print(out.strip() or err.strip(), flush=True)
    print(f"lint: {len(todo)} files looked at, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
