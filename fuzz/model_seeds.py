"""Makes fuzz/corpus/model/ anew after a change of a model's format: one small model of every method that trains.

    python3 fuzz/model_seeds.py [build/release/bin/lander]

Learns from made-up files, then keeps a few trees and learned rows of each, as a fuzzer likes small inputs. t2q.cbor
stays: nothing trains that method any more.
"""

import math
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LANDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "release" / "bin" / "lander").resolve()
TREES, ROWS, CLASSES = 3, 4, 2
KEY_OF_BODY, LEAF = 9, 0xffff  # the value behind key 4 of the model's map


def head(data, at):
    kind, size, at = data[at] >> 5, data[at] & 31, at + 1
    if size < 24:
        return kind, size, at
    length = 1 << (size - 24)
    return kind, int.from_bytes(data[at:at + length], "big"), at + length


def skip(data, at):
    kind, value, at = head(data, at)
    if kind in (2, 3):
        return at + value
    for _ in range({4: value, 5: 2 * value}.get(kind, 0)):
        at = skip(data, at)
    return at


def parts(data):
    kind, count, at = head(data, 0)
    out = []
    for _ in range(2 * count if kind == 5 else count):
        end = skip(data, at)
        out.append(data[at:end])
        at = end
    return out


def number(kind, value):
    if value < 24:
        return bytes([kind << 5 | value])
    size = next(size for size in (0, 1, 2, 3) if value < 1 << (8 << size))
    return bytes([kind << 5 | 24 + size]) + value.to_bytes(1 << size, "big")


def array(items):
    return number(4, len(items)) + b"".join(items)


def text(data):  # of a byte string
    _, length, at = head(data, 0)
    return data[at:at + length]


def bytes_of(data):
    return number(2, len(data)) + data


def fewer_trees(data, most):
    items = parts(data)
    nodes, at, trees = text(items[4]), 0, 0
    while trees < most and at < len(nodes):
        due = 1
        while due:
            due += -1 if int.from_bytes(nodes[at:at + 2], "little") == LEAF else 1
            at += 6
        trees += 1
    items[3:] = [number(0, trees), bytes_of(nodes[:at])]
    return array(items)


def fewer_rows(kernel):
    items = parts(kernel)
    features = len(text(items[1])) // 4
    items[5] = bytes_of(text(items[5])[:ROWS * features])
    items[6] = bytes_of(text(items[6])[:ROWS * CLASSES * 4])
    return array(items)


def life(body):
    items = parts(body)
    items[-1] = bytes_of(fewer_trees(text(items[-1]), TREES))
    return number(5, len(items) // 2) + b"".join(items)


def classes(body):  # version, label, classes, waves, scalars, axis, fusion, limit, forest, boosted, kernel, biases, kernel
    items = parts(body)
    items[8] = bytes_of(fewer_trees(text(items[8]), TREES))
    items[9] = bytes_of(fewer_trees(text(items[9]), CLASSES))
    items[10], items[12] = fewer_rows(items[10]), fewer_rows(items[12])
    return array(items)


def main():
    rng = random.Random(3)

    def noisy(value, spread=0.1):
        return f"{value + rng.gauss(0, spread):.3f}"
    files = {
        "mewma": (["time,a,b"] + [f"{1700000000 + i},{noisy(math.sin(i / 30))},{noisy(math.sin(i / 30))}" for i in range(900)],
                  [], lambda body: body),
        "life": (["unit,cycle,a,b"] + [f"{u},{c},{noisy((c / 60) ** 3 * 5)},{noisy(1)}" for u in range(8) for c in range(60 + u)],
                 ["--kind", "life", "--unit", "unit", "--time", "cycle"], life),
        "class": (["x,y,label"] + [f"{noisy(i % 2)},{noisy(1)},k{i % 2}" for i in range(200)],
                  ["--kind", "class", "--label", "label"], classes),
        "class-waves": ([",".join(f"l{i}" for i in range(16)) + ",heat,label"] +
                        [",".join(noisy(math.cos(i / 16 * 2 * math.pi) * (1 + r % 2), 0.05) for i in range(16)) +
                         f",{noisy(20)},w{r % 2}" for r in range(40)], ["--kind", "class", "--label", "label"], classes),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, (lines, options, cut) in files.items():
            source, model = pathlib.Path(folder, name + ".csv"), pathlib.Path(folder, name)
            source.write_text("\n".join(lines) + "\n")
            subprocess.run([LANDER, "learn", source, "-o", model, *options], check=True, capture_output=True, cwd=folder)
            items = parts(model.read_bytes()[8:-32])
            items[KEY_OF_BODY] = bytes_of(cut(text(items[KEY_OF_BODY])))
            seed = number(5, len(items) // 2) + b"".join(items)
            (ROOT / "fuzz" / "corpus" / "model" / (name + ".cbor")).write_bytes(seed)
            print(f"{name}.cbor: {len(seed)} bytes")


if __name__ == "__main__":
    main()
