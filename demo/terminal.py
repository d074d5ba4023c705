"""How the demo tells its story: steps with a figure each, on a terminal with colour and a sign of life."""

import contextlib
import shutil
import sys
import threading
import time

from rig import wait_for


class Teller:
    """Writes to `out`; keeps every step for the summary."""

    def __init__(self, out=sys.stdout):
        self.out, self.tty = out, out.isatty()
        self.began = time.monotonic()
        self.steps = []
        self.chapter_name = ""
        self.folder = ""  # left out of what is quoted

    def paint(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.tty else text

    def say(self, text=""):
        print(text, file=self.out, flush=True)

    def title(self, text):
        self.say(self.paint("1", text))

    def chapter(self, name, what=""):
        self.chapter_name = name
        self.say()
        self.say(self.paint("1;36", name) + (self.paint("2", f"  {what}") if what else ""))

    def note(self, text, mark="  "):
        text = text.replace(self.folder, "") if self.folder else text
        for line in text.rstrip().splitlines():
            self.say(self.paint("2", f"    {mark}{line}"))

    def quote(self, command, text="", lines=4):
        """A command as a user types it, and the beginning of what it says."""
        self.say(self.paint("2", "    $ ") + self.paint("2", command))
        text = text.replace(self.folder, "") if self.folder else text
        shown = [line for line in text.strip().splitlines() if line.strip()]
        width = shutil.get_terminal_size((120, 24)).columns - 8 if self.tty else 160
        for line in shown[:lines]:
            self.note(line[:width], "│ ")
        if len(shown) > lines:
            self.note(f"… {len(shown) - lines} more lines", "│ ")

    @contextlib.contextmanager
    def step(self, name, text):
        """One thing that must happen. What the body puts into `figures` is shown and kept."""
        step = Step(self, name, text)
        began = time.monotonic()
        record = {"chapter": self.chapter_name, "step": name, "ok": False, "seconds": 0.0, "figures": step.figures}
        self.steps.append(record)
        try:
            with Pulse(self, step):
                yield step
            record["ok"] = True
        except Exception as error:
            record["error"] = str(error)
            raise
        finally:
            record["seconds"] = round(time.monotonic() - began, 3)
            mark = self.paint("32", "✓") if record["ok"] else self.paint("31", "✗")
            tail = f"  {self.paint('1', step.told)}" if step.told else ""
            self.say(f"  {mark} {text}{tail}")
            for line in step.lines if record["ok"] else []:
                line()
            if not record["ok"]:
                self.note(record.get("error", "interrupted"))


class Step:
    def __init__(self, teller, name, text):
        self.teller, self.name, self.text = teller, name, text
        self.figures, self.told, self.lines, self.progress = {}, "", [], ""

    def figure(self, told, **figures):
        """What was measured: for people, and for the summary."""
        self.told = told
        self.figures.update(figures)

    def quote(self, command, text="", lines=4):
        self.lines.append(lambda: self.teller.quote(command, text, lines))

    def note(self, text):
        self.lines.append(lambda: self.teller.note(text))

    def wait(self, what, look, within=30, every=0.1):
        """wait_for, with the time it took."""
        began = time.monotonic()
        found = wait_for(what, look, within, every)
        return found, time.monotonic() - began


class Pulse:
    """On a terminal: a line that moves while a step takes its time."""

    FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

    def __init__(self, teller, step):
        self.teller, self.step = teller, step
        self.stop = threading.Event()
        self.thread = None

    def __enter__(self):
        if self.teller.tty:
            self.thread = threading.Thread(target=self._run, daemon=True)
            self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        if self.thread:
            self.thread.join()
            self.teller.out.write("\r\x1b[K")
            self.teller.out.flush()

    def _run(self):
        began, n = time.monotonic(), 0
        while not self.stop.wait(0.1):
            n += 1
            width = shutil.get_terminal_size((100, 24)).columns
            seconds = f"{time.monotonic() - began:.0f} s"
            line = f"  {self.FRAMES[n % 10]} {self.step.text}  {self.step.progress} {seconds}"[:width - 1]
            self.teller.out.write("\r\x1b[K" + self.teller.paint("33", line))
            self.teller.out.flush()


def sparkline(values, width=60):
    """A line of blocks; a gap where there is no value."""
    if not values:
        return ""
    if len(values) > width:
        buckets = [values[i * len(values) // width:(i + 1) * len(values) // width] for i in range(width)]
        known = [[v for v in bucket if v is not None] for bucket in buckets]
        values = [sum(k) / len(k) if k else None for k in known]
    numbers = [v for v in values if v is not None]
    if not numbers:
        return " " * len(values)
    low, high = min(numbers), max(numbers)
    span = (high - low) or 1.0
    return "".join(" " if v is None else "▁▂▃▄▅▆▇█"[min(7, int((v - low) / span * 8))] for v in values)
