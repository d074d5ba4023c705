#!/usr/bin/env python3
"""The checkers find what they promise to find, and nothing in a tree that is clean."""
import pathlib
import tempfile
import unittest

import check_layers
import check_paths

GOOD = {
    "src/CMakeLists.txt": "foreach(module\n  base os store)\nendforeach()\n",
    "src/base/CMakeLists.txt": "lander_module(base)\n",
    "src/base/bytes.h": "#pragma once\n#include <vector>\n",
    "src/os/CMakeLists.txt": "lander_module(os DEPS base LINK SQLite::SQLite3)\n",
    "src/os/clock.cc": '#include <fcntl.h>\n#include "base/bytes.h"\nint t = ::time(nullptr);\n',
    "src/store/CMakeLists.txt": "lander_module(store DEPS base os)\n",
    "src/store/store.h": '#pragma once\n#include "base/bytes.h"\n',
    "src/store/store.cc": '#include "store/store.h"\n#include "os/clock.h"\n'
                          "// time(nullptr) and <fstream> in a comment are words\n"
                          'const char* s = "std::random_device"; auto now = os::system_clock().wall_us();\n'
                          "int big = 1'000'000; bool b = journal.open(1); auto t = at.time(0);\n",
    "src/os/db.h": "#pragma once\n#include <sqlite3.h>\n",
    "ARCHITECTURE.md": "`base` bytes\n- os the seams\nsrc/store/ the store\n",
}

# A change to the good tree: the start of the one finding it must cause.
BAD = [
    ({"src/base/bytes.h": '#pragma once\n#include "os/clock.h"\n'},
     "src/base/bytes.h:2: includes os/clock.h, but base does not declare os"),
    ({"src/os/CMakeLists.txt": "lander_module(os DEPS base store)\n",
      "src/os/more.cc": '#include "store/store.h"\n'},
     "src/os/CMakeLists.txt:1: os depends on store, which stands below it"),
    ({"src/base/bytes.h": "#pragma once\n#include <unistd.h>\n"},
     "src/base/bytes.h:2: a header that others include has <unistd.h>"),
    ({"src/store/x.cc": '#include "os/db.h"\n'},
     "src/os/db.h:2: a header that others include has <sqlite3.h>"),
    ({"src/store/a_test.cc": '#include "gtest/gtest.h"\n'},
     "src/store/a_test.cc:1: write <gtest/gtest.h>"),
    ({"src/store/db.cc": "#include <sqlite3.h>\n"},
     "src/store/db.cc:1: includes <sqlite3.h>, which belongs to os"),
    ({"src/store/t.cc": "\nauto t = std::chrono::steady_clock::now();\n"}, "src/store/t.cc:2: clock"),
    ({"src/store/t.cc": "auto t = time(nullptr);\n"}, "src/store/t.cc:1: clock"),
    ({"src/store/t.cc": "#include <fstream>\n"}, "src/store/t.cc:1: file"),
    ({"src/store/t.cc": "int f = ::open(name, 0);\n"}, "src/store/t.cc:1: file"),
    ({"src/store/t.cc": "std::random_device seed;\n"}, "src/store/t.cc:1: randomness"),
    ({"src/store/t.cc": "if (fork() == 0) return;\n"}, "src/store/t.cc:1: process"),
    ({"src/store/t.cc": "#include <sys/socket.h>\n"}, "src/store/t.cc:1: socket"),
    ({"src/store/t.cc": "worker.detach();\n"}, "src/store/t.cc:1: detached thread"),
    ({"src/store/a_test.cc": "std::this_thread::sleep_for(1s);\n"}, "src/store/a_test.cc:1: sleep"),
    ({"src/store/a.h": "int a;\n"}, "src/store/a.h:1: has no #pragma once"),
    ({"src/store/long.cc": "\n" * 501}, "src/store/long.cc:501: 501 lines"),
    ({"src/store/x.cc": '#include "store.h"\n'}, 'src/store/x.cc:1: write "store/store.h"'),
    ({"src/store/store.cc": "\n"}, "src/store/CMakeLists.txt:1: store declares os in its DEPS"),
    ({"src/lake/CMakeLists.txt": "lander_module(lake)\n", "ARCHITECTURE.md": "`base` `os` `store` `lake`\n"},
     "src/CMakeLists.txt:1: module lake is missing"),
    ({"ARCHITECTURE.md": "`base` and `store`\n"}, "ARCHITECTURE.md:1: says nothing of the module os"),
]


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Layers(unittest.TestCase):
    def findings(self, change):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            write(root, {**GOOD, **change})
            return [line.removeprefix(f"{root}/") for line in check_layers.check(root)[0]]

    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(self.findings({}), [])

    def test_each_offence_is_found_once_with_its_place(self):
        for change, expected in BAD:
            with self.subTest(expected):
                lines = self.findings(change)
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(expected), lines[0])


class Paths(unittest.TestCase):
    def test_a_path_or_host_of_one_machine_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            write(root, {"a.md": "see ../shared/data and /usr/bin\n\nsee /root/x\n",
                         "b.json": '{"resolved": "https://example.org/a.tgz"}\n',
                         "c.txt": "https://registry.example.org/x\nhttps://example.org/network/\n"})
            lines, _ = check_paths.check(root)
            self.assertEqual([line.split(": ")[0] for line in lines], ["a.md:3", "b.json:1", "c.txt:1"])


if __name__ == "__main__":
    unittest.main()
