#!/usr/bin/env python3
"""Checks that src/ keeps to its layers. Prints FILE:LINE: what, and why it matters; exit 1 on any.

The rules, all of which CONTRIBUTING.md explains:
  order      DEPS of a module name only modules that stand above it in src/CMakeLists.txt
  include    a file includes headers of its own module and of its DEPS only; DEPS without a use go
  light      a header that other modules see includes the C++ standard library only: no third party,
             no POSIX; what a module's own .cc files share may hold what the module owns
  owner      a third-party header stands in the modules that own the library, nowhere else
  seam       clocks, files, randomness, processes, sockets are touched in src/os only
  size       no file over 500 lines
  told       every module has its line in ARCHITECTURE.md
Exceptions stand in the tables below, each with its reason.
"""
import argparse
import pathlib
import re
import sys

MAX_LINES = 500

STANDARD = set("""algorithm any array atomic barrier bit bitset charconv chrono cmath codecvt compare
complex concepts condition_variable coroutine cctype cerrno cfloat cinttypes climits clocale csetjmp
csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime cwchar deque exception execution
filesystem forward_list fstream functional future initializer_list iomanip ios iosfwd iostream istream
iterator latch limits list locale map memory memory_resource mutex new numbers numeric optional ostream
queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location span
sstream stack stdexcept stop_token streambuf string string_view syncstream system_error thread tuple
type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector version"""
               .split())

# header: reason. What a header of ours may include besides the standard library.
LIGHT = {"nlohmann/json_fwd.hpp": "forward declarations only, made for this"}

# Third-party header (prefix): the modules whose .cc files may include it. "*" = any .cc.
OWNERS = {
    "boost/": {"http"},
    "duckdb": {"lake"},
    "Eigen/": {"learn"},
    "CLI/": {"cli"},
    "modbus": {"source", "sim"},
    "mosquitto": {"source", "carrier"},
    "nlohmann/": {"*"},
    "openssl/": {"crypto", "http"},
    "soci/": {"hub"},
    "spdlog/": {"os"},
    "fmt/": {"os"},
    "sqlite3": {"os", "sim"},
    "yaml-cpp/": {"base"},
    "zstd": {"sensing", "store", "package", "lake"},
}

# name: (pattern on code without comments and strings, what to use instead, {module: reason it may})
SEAMS = {
    "clock": (r"\b(?:system_clock|steady_clock|high_resolution_clock)\b(?!\s*\()"
              r"|\b(?:clock_gettime|gettimeofday|localtime(?:_r)?)\s*\("
              r"|(?<![\w.>])(?:std)?(?:::)?time\s*\(\s*(?:NULL|nullptr|0|&)",
              "take an os::Clock&", {}),
    "file": (r"#\s*include\s*<(?:fstream|filesystem|dirent\.h|sys/stat\.h|sys/mman\.h)>"
             r"|\bstd::(?:filesystem|[io]?fstream)\b|(?<![\w>.])(?:::|std::)?fopen\s*\("
             r"|(?<![\w>])::(?:open|openat|unlink|rename|mkdir)\s*\(",
             "take an os::Files&", {"lake": "DuckDB writes the Parquet files itself, so lake moves "
                                            "and measures them by path"}),
    "randomness": (r"\brandom_device\b|\b(?:getrandom|arc4random\w*)\s*\("
                   r"|(?<![\w.>])(?:::|std::)?s?rand\s*\(",
                   "take an os::Random&", {}),
    "process": (r"(?<![\w.>])(?:::|std::)?(?:fork|vfork|popen|posix_spawnp?|execvp?e?|execl[pe]?"
                r"|system)\s*\(",
                "use os::run_process", {"sim": "forks itself at a moment of a store's life, to try what "
                                                "may happen from there"}),
    "socket": (r"#\s*include\s*<(?:sys/socket\.h|netinet/[\w.]+|arpa/inet\.h|sys/epoll\.h|netdb\.h)>",
               "use http or a Source",
               {"http": "the owner of the sockets", "source": "the owner of the equipment's protocols",
                "carrier": "MQTT"}),
    "sleep": (r"\bthis_thread::sleep_\w+|(?<![\w.>])(?:::)?(?:usleep|nanosleep)\s*\(|(?<![\w>])::sleep\s*\(",
              "wait on a condition with a deadline", {}),
    "detached thread": (r"(?:\.|->)detach\s*\(\s*\)", "keep it and join it", {}),
}


class Findings:
    def __init__(self):
        self.lines = []

    def add(self, path, line, text):
        self.lines.append(f"{path}:{line}: {text}")


def without_comments(text):
    """The same lines with comments and the insides of literals blanked; include lines stay whole."""
    pattern = re.compile(
        r'R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)

    def blank(match):
        found = match.group(0)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if found.startswith('"') and re.match(r"\s*#\s*include", text[line_start:match.start() + 1]):
            return found
        return re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


def read_modules(src, found):
    """{module: (its DEPS, the line of lander_module)} and the order from src/CMakeLists.txt."""
    listing = src / "CMakeLists.txt"
    match = re.search(r"foreach\(module([^)]*)\)", listing.read_text())
    order = match.group(1).split() if match else []
    modules = {}
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        cmake = folder / "CMakeLists.txt"
        if not cmake.exists():
            if any(folder.glob("*.cc")):
                found.add(folder, 1, "has sources but no CMakeLists.txt with lander_module()")
            continue
        text = re.sub(r"#[^\n]*", "", cmake.read_text())
        match = re.search(r"lander_module\(\s*(\w+)([^)]*)\)", text)
        if not match:
            found.add(cmake, 1, "has no lander_module()")
            continue
        line = text[:match.start()].count("\n") + 1
        if match.group(1) != folder.name:
            found.add(cmake, line, f"module {match.group(1)} in folder {folder.name}: same name, please")
        deps = re.search(r"\bDEPS\b((?:\s+[a-z_0-9]+)*)", match.group(2))
        modules[folder.name] = (deps.group(1).split() if deps else [], cmake, line)
        if folder.name not in order:
            found.add(listing, 1, f"module {folder.name} is missing in the order of modules")
    return modules, order


def reached_by(names, modules):
    """What the modules depend on, and these in turn: their headers may show it to who includes them."""
    reached, todo = set(), list(names)
    while todo:
        for dep in modules.get(todo.pop(), ([],))[0]:
            if dep not in reached:
                reached.add(dep)
                todo.append(dep)
    return reached


def check_order(modules, order, found):
    rank = {name: i for i, name in enumerate(order)}
    for name, (deps, cmake, line) in modules.items():
        for dep in deps:
            if dep not in rank:
                found.add(cmake, line, f"{name} depends on {dep}, which is no module")
            elif rank[dep] >= rank.get(name, len(order)):
                found.add(cmake, line, f"{name} depends on {dep}, which stands below it: "
                                       "dependencies point downward only")


def our_includes(code):
    return re.findall(r'(?m)^\s*#\s*include\s*"([^"]+)"', code)


def public_headers(files):
    """Headers that another module includes, and what those include in turn."""
    todo = [name for (module, _), code in files.items() for name in our_includes(code)
            if not name.startswith(f"{module}/")]
    by_name = {f"{module}/{path.name}": code for (module, path), code in files.items()}
    public = set()
    while todo:
        name = todo.pop()
        if name not in public:
            public.add(name)
            todo += our_includes(by_name.get(name, ""))
    return public


def check_includes(path, module, code, modules, order, public, used, found):
    deps = set(modules[module][0]) | {module}
    for number, line in enumerate(code.splitlines(), 1):
        ours = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        theirs = re.match(r"\s*#\s*include\s*<([^>]+)>", line)
        if ours:
            name = ours.group(1)
            owner = name.split("/")[0]
            if "/" not in name:
                found.add(path, number, f'write "{module}/{name}"')
            elif owner not in modules and owner not in order:
                found.add(path, number, f"write <{name}>: it is not ours")
            elif owner not in deps:
                found.add(path, number, f"includes {name}, but {module} does not declare {owner} "
                                        "in its DEPS")
            used.add(owner)
        elif theirs and theirs.group(1) not in STANDARD:
            check_third_party(path, number, module, theirs.group(1), public, found)


def check_third_party(path, number, module, header, public, found):
    if path.suffix == ".h" and f"{module}/{path.name}" in public and header not in LIGHT:
        found.add(path, number, f"a header that others include has <{header}>: keep it in the .cc")
        return
    if "test" in path.stem:
        return
    for prefix, owners in OWNERS.items():
        if header.startswith(prefix) and module not in owners and "*" not in owners:
            found.add(path, number, f"includes <{header}>, which belongs to {', '.join(sorted(owners))}")


def check_seams(path, module, code, found):
    # NAME_test.cc, and what these share: test_support.h, testing.h, NAME_fixture.h
    test = "test" in path.stem or path.stem.endswith("_fixture")
    for name, (pattern, instead, allowed) in SEAMS.items():
        # A test may make files and peers of its own; it may not sleep.
        if module == "os" and not (test and name == "sleep"):
            continue
        # Polling a real peer, with a bound, is written once in what the tests of a module share.
        if name == "sleep" and test and path.suffix == ".h":
            continue
        if module in allowed or (test and name not in ("sleep", "detached thread")):
            continue
        for match in re.finditer(pattern, code):
            number = code[:match.start()].count("\n") + 1
            found.add(path, number, f"{name} outside src/os ({match.group(0).strip()}): {instead}")


def check_told(root, modules, found):
    architecture = root / "ARCHITECTURE.md"
    if not architecture.exists():
        return
    text = architecture.read_text()
    for name in modules:
        if not re.search(rf"(?m)(src/{name}\b|`{name}/?`|^\W*{name}\b)", text):
            found.add(architecture, 1, f"says nothing of the module {name}")


def check(root):
    found = Findings()
    src = root / "src"
    modules, order = read_modules(src, found)
    check_order(modules, order, found)
    files = {(module, path): without_comments(path.read_text(encoding="utf-8"))
             for module in modules
             for path in sorted((src / module).rglob("*")) if path.suffix in (".h", ".cc")}
    public = public_headers(files)
    for module, (deps, cmake, line) in modules.items():
        used = set()
        mine = {path: code for (owner, path), code in files.items() if owner == module}
        for path, code in mine.items():
            check_includes(path, module, code, modules, order, public, used, found)
            check_seams(path, module, code, found)
            if path.suffix == ".h" and "#pragma once" not in code:
                found.add(path, 1, "has no #pragma once")
            if (lines := code.count("\n")) > MAX_LINES:
                found.add(path, lines, f"{lines} lines: split by responsibility, at most {MAX_LINES}")
        if any(path.suffix == ".cc" for path in mine):
            for dep in sorted(set(deps) - used - reached_by(used & set(deps), modules)):
                found.add(cmake, line, f"{module} declares {dep} in its DEPS and includes nothing of it")
    check_told(root, modules, found)
    return found.lines, len(modules)


def main():
    here = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=here, help="the repository")
    lines, modules = check(parser.parse_args().root)
    for line in lines:
        print(line.removeprefix(f"{here}/"))
    print(f"layers: {modules} modules, {len(lines)} findings")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
