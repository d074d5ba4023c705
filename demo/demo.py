"""./dev demo: a pump station, a site, a hub, and their story.

  ./dev demo                    the story in the terminal; then all stays up, with consoles to look at, until Ctrl-C
  ./dev demo --headless         the story to its end; a JSON summary on stdout; exit status 0, or 1 if a step failed
  ./dev demo --replay FILE.csv  a recorded file instead of the pump station

Needs the built programs (./dev build) and Debian's mosquitto; Python's standard library is enough.
"""

import argparse
import json
import pathlib
import select
import signal
import sys
import time

from replay import ReplayStory
from rig import ROOT, RigError
from stage import SITE, Stage
from story import Story
from terminal import Teller

HINTS = ("Inject a fault: type closing-valve and Enter, and watch the site's console.",
         "frozen-sensor is the one that no limit finds: the flow meter repeats its last value.",
         "Type cut, then cavitation: the hub is told in brief, by satellite. Type restore.")
FAULTS = ("closing-valve", "cavitation", "bearing-wear", "frozen-sensor", "none")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headless", action="store_true", help="run the story, print a summary as JSON, exit 0 or 1")
    parser.add_argument("--replay", metavar="FILE.csv", help="feed this file instead of the pump station")
    parser.add_argument("--speed", type=float, default=None,
                        help="of the replay: 1 is real time, 0 as fast as it goes (default: the file in some 25 s)")
    parser.add_argument("--data", default=str(ROOT / "build" / "demo"), help="where everything is kept")
    parser.add_argument("--keep", action="store_true", help="go on with what an earlier run left, without the story")
    chosen = parser.parse_args(arguments)
    if chosen.replay and not pathlib.Path(chosen.replay).is_file():
        parser.error(f"there is no file {chosen.replay}")
    return chosen


def stay(stage, teller, story):
    """Until Ctrl-C: tells of new alerts, takes orders for the pump and the link."""
    story.consoles()
    teller.say()
    if stage.station:
        teller.say("  Type a fault and Enter: " + teller.paint("1", ", ".join(FAULTS)))
    teller.say("  " + teller.paint("1", "cut") + " and " + teller.paint("1", "restore") +
               " act on the link between site and hub. Ctrl-C ends it all.")
    lander = f"build/release/bin/lander --at {relative(stage.folder)}"
    teller.say(f"  The operator's command, at the hub: {lander}/hub alerts")
    teller.say(f"                          on the site: {lander}/site plot --help")
    hints = iter(HINTS if stage.station else [])
    quiet_since = time.monotonic()
    told = {a["id"] for a in stage.alerts(stage.site)}
    while True:
        ready, _, _ = select.select([sys.stdin] if sys.stdin and sys.stdin.isatty() else [], [], [], 1.0)
        if ready:
            obey(stage, teller, sys.stdin.readline().strip())
            quiet_since = time.monotonic()
        if time.monotonic() - quiet_since > 60:
            quiet_since = time.monotonic()
            if hint := next(hints, None):
                teller.note(hint)
        for part in (stage.hub, stage.site, stage.broker, stage.station):
            if part:
                part.must_run()
        for alert in stage.alerts(stage.site):
            if alert["id"] not in told:
                told.add(alert["id"])
                teller.say(f"  {time.strftime('%H:%M:%S')} {teller.paint('31', alert['severity'])} {alert['title']}"
                           f": {alert['detail']}")


def relative(folder):
    try:
        return folder.resolve().relative_to(ROOT)
    except ValueError:
        return folder


def obey(stage, teller, order):
    words = order.split()
    if order == "cut":
        stage.link.cut()
    elif order == "restore":
        stage.link.restore()
    elif words and words[0] in FAULTS and stage.station:
        stage.inject(order)
    elif words:
        teller.say(f"  not understood: {', '.join(FAULTS)}, cut or restore")
        return
    if words:
        teller.note(f"{order}: done")


def again(stage, story):
    """All programs over the data of an earlier run."""
    if not (stage.folder / "site" / "identity" / "enrolled.cbor").exists():
        raise RigError(f"{stage.folder} holds no earlier run: start without --keep")
    stage.start_broker()
    stage.start_station()
    stage.start_hub()
    stage.start_site()


def main(arguments):
    chosen = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    teller = Teller(sys.stderr if chosen.headless else sys.stdout)
    stage = story = None
    error = ""
    try:
        stage = Stage(chosen.data, fixed_ports=not chosen.headless, keep=chosen.keep)
        teller.folder = f"{stage.folder}/"
        story = (ReplayStory(stage, teller, pathlib.Path(chosen.replay).resolve(), chosen.speed) if chosen.replay
                 else Story(stage, teller))
        teller.title("Lander: one site, one hub, " + (pathlib.Path(chosen.replay).name if chosen.replay
                                                     else f"one pump ({SITE})"))
        if chosen.keep:
            again(stage, story)
        else:
            story.run()
            seconds = time.monotonic() - teller.began
            teller.say()
            teller.title(f"{len(teller.steps)} steps, all as they should be, in {seconds:.0f} s.")
            if not chosen.headless:
                story.go_on()
        if not chosen.headless:
            stay(stage, teller, story)
    except KeyboardInterrupt:
        teller.say()
        teller.say("  stopping")
        if chosen.headless:
            error = "interrupted"
    except (RigError, OSError, ValueError, KeyError, StopIteration) as failure:
        error = f"{type(failure).__name__}: {failure}" if not isinstance(failure, RigError) else str(failure)
        teller.say()
        teller.say(teller.paint("31", "The story ends here: ") + error)
        teller.say(f"  Logs: {pathlib.Path(chosen.data) / 'logs'}")
    finally:
        if stage:
            stage.stop()
    if chosen.headless:
        ok = not error and all(step["ok"] for step in teller.steps)
        print(json.dumps({"ok": ok, "error": error, "seconds": round(time.monotonic() - teller.began, 1),
                          "steps": teller.steps}, indent=1))
        return 0 if ok else 1
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
