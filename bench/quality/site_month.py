#!/usr/bin/env python3
"""Simulated months of a pump station, with faults at known places: python bench/quality/site_month.py FOLDER [--months N]

Eight sensors that depend on one another, one row a minute: 14 days to learn from and 30 to watch. Healthy behaviour, in
both parts: load by shift and weekday, temperature of the day, of the weather and of the season, sensors that age, planned
stops with their restarts, single spikes, sensors that are silent or stand still for up to 20 minutes. Faults, in the
watched part only: see FAULTS. A seed always makes the same month; nothing here was fitted to a detector, and the sizes of
faults were set before any detector was run on them."""
import argparse
import csv
import dataclasses
import datetime
import pathlib

import numpy

SENSORS = ("flow_m3_h", "discharge_bar", "suction_bar", "current_a", "speed_rpm", "vibration_mm_s", "bearing_c", "motor_c")
FLOW, DISCHARGE, SUCTION, CURRENT, SPEED, VIBRATION, BEARING, MOTOR = range(8)
MINUTES_A_DAY = 1440
LEARN_DAYS, WATCH_DAYS = 14, 30
START = datetime.datetime(2026, 3, 2, tzinfo=datetime.timezone.utc)  # a Monday


@dataclasses.dataclass
class Fault:
    kind: str
    sensor: str  # that shows it most
    begin: int   # row of the watched part
    end: int     # first row of it that is well again


@dataclasses.dataclass
class Month:
    seed: int
    learn: numpy.ndarray  # rows x 8; NaN = blank
    watch: numpy.ndarray
    faults: list[Fault]

    def time(self, row, watched=True):
        return START + datetime.timedelta(minutes=int(row) + (LEARN_DAYS * MINUTES_A_DAY if watched else 0))


def wander(random, rows, minutes, deviation):
    """A value that returns to zero within `minutes` (Ornstein-Uhlenbeck)."""
    keep = numpy.exp(-1 / minutes)
    steps = random.standard_normal(rows) * deviation * numpy.sqrt(1 - keep * keep)
    out = numpy.empty(rows)
    value = random.standard_normal() * deviation
    for i in range(rows):
        value = keep * value + steps[i]
        out[i] = value
    return out


def lagged(signal, minutes):
    out = numpy.empty_like(signal)
    value = signal[0]
    for i, target in enumerate(signal):
        value += (target - value) / minutes
        out[i] = value
    return out


def planned_stops(random, days):
    """Begin and end of each: one or two a week, on weekdays by day, half an hour to two hours."""
    stops = []
    for week in range(0, days, 7):
        for day in random.choice(5, random.integers(1, 3), replace=False):
            begin = (week + int(day)) * MINUTES_A_DAY + int(random.integers(8 * 60, 16 * 60))
            stops.append((begin, begin + int(random.integers(30, 120))))
    return [stop for stop in sorted(stops) if stop[1] < days * MINUTES_A_DAY]


def demand(random, rows):
    minute = numpy.arange(rows)
    hour, weekday = minute // 60 % 24, minute // MINUTES_A_DAY % 7
    shift = numpy.select([(hour >= 6) & (hour < 14), (hour >= 14) & (hour < 22)], [0.85, 1.0], 0.6)
    shift = numpy.where(weekday >= 5, 0.55 + 0.5 * (shift - 0.6), shift)
    return lagged(shift, 8) + wander(random, rows, 90, 0.03) + wander(random, rows, 3 * MINUTES_A_DAY, 0.02)


# A fault's course from 0 (none) to 1 (full) over its rows, and what it does to the station.
def slow(rows):
    return numpy.minimum(numpy.arange(rows) / (0.7 * rows), 1)


def at_once(rows):
    return numpy.ones(rows)


FAULTS = {  # kind: sensor that shows it, hours, course
    "bearing wear": (VIBRATION, 60, slow),
    "leakage": (DISCHARGE, 12, at_once),
    "blockage": (FLOW, 16, slow),
    "coupling broken": (FLOW, 2, at_once),
    "sensor stuck": (FLOW, 30, at_once),
    "sensor offset": (DISCHARGE, 24, at_once),
}


def station(random, rows, stops, severity):
    """What the sensors would show, without their own noise. `severity`: kind -> one number a row."""
    speed = 2950 * numpy.clip(demand(random, rows), 0.3, 1.15)
    runs = numpy.ones(rows)
    for begin, end in stops:
        runs[begin:end] = 0
    speed = numpy.minimum(speed, lagged(speed * runs, 1.5))  # a stop takes minutes, a restart too
    speed[runs == 0] *= 0.2 ** numpy.minimum(numpy.concatenate([numpy.arange(1, e - b + 1) for b, e in stops])
                                             if stops else 0, 12)
    ratio = speed / 2950
    coupled = 1 - severity["coupling broken"]
    blocked = severity["blockage"]
    suction = 1.4 + wander(random, rows, 600, 0.05) - 0.25 * ratio ** 2 - 0.3 * blocked * ratio ** 2
    flow = 120 * ratio * coupled * (1 - 0.18 * blocked) * (1 + 0.10 * severity["leakage"])
    head = 7.5 * ratio ** 2 * coupled * (1 - 0.12 * severity["leakage"]) * (1 - 0.05 * blocked)
    current = (8 * (ratio > 0.05) + 62 * ratio ** 2.6 * (0.35 + 0.65 * coupled)) * (1 - 0.06 * blocked)
    worn = severity["bearing wear"]
    vibration = (0.15 + 2.2 * ratio ** 2 * (1 + 0.15 * wander(random, rows, 30, 0.3))) * (1 + 0.9 * worn)
    vibration += 0.8 * blocked * ratio
    minute = numpy.arange(rows)
    ambient = (15 + 4 * numpy.sin(2 * numpy.pi * (minute / MINUTES_A_DAY - 0.4)) + wander(random, rows, 3 * MINUTES_A_DAY, 2)
               + random.uniform(-0.08, 0.08) * minute / MINUTES_A_DAY)
    bearing = ambient + lagged(32 * ratio ** 1.5 + 14 * worn * ratio, 45)
    motor = ambient + lagged(45 * ratio ** 2, 70)
    return numpy.stack([flow, head + suction, suction, current, speed, vibration, bearing, motor], axis=1)


NOISE = numpy.array([0.8, 0.04, 0.015, 0.5, 6.0, 0.06, 0.25, 0.3])
AGING = numpy.array([0.01, 0.004, 0.004, 0.003, 0.0, 0.015, 0.004, 0.004])  # share of a value in the whole time, at most
STEP = numpy.array([0.1, 0.01, 0.001, 0.1, 1.0, 0.01, 0.1, 0.1])  # that a sensor resolves


def disturb(random, values, busy):
    """What healthy sensors do at times: spikes, silence, standing still, each about once a week a sensor."""
    rows = len(values)
    for sensor in range(len(SENSORS)):
        for _ in range(random.poisson(rows / (7 * MINUTES_A_DAY))):
            at = int(random.integers(0, rows - 30))
            if busy[at:at + 30].any():
                continue
            kind, length = random.integers(0, 3), int(random.integers(3, 21))
            if kind == 0:
                values[at, sensor] *= random.choice([0.0, 1.7, 3.0])
            elif kind == 1:
                values[at:at + length, sensor] = numpy.nan
            else:
                values[at:at + length, sensor] = values[at, sensor]


def make(seed):
    random = numpy.random.default_rng([seed, 2026])
    days = LEARN_DAYS + WATCH_DAYS
    rows, learn_rows = days * MINUTES_A_DAY, LEARN_DAYS * MINUTES_A_DAY
    stops = planned_stops(random, days)
    severity = {kind: numpy.zeros(rows) for kind in FAULTS}
    faults = []
    kinds = list(FAULTS)
    for slot in range(2):  # one in each half of the watched part; the kinds take turns over the seeds
        kind = kinds[(2 * seed + slot) % len(kinds)]
        sensor, hours, course = FAULTS[kind]
        day = int(random.integers(2, 11)) + slot * 15
        begin = learn_rows + day * MINUTES_A_DAY + int(random.integers(6 * 60, 14 * 60))
        end = begin + hours * 60
        stops = [stop for stop in stops if stop[1] < begin - 60 or stop[0] > end + 60]
        severity[kind][begin:end] = course(end - begin)
        faults.append(Fault(kind, SENSORS[sensor], begin - learn_rows, end - learn_rows))
    values = station(random, rows, stops, severity)
    values *= 1 + numpy.outer(numpy.arange(rows) / rows, random.uniform(-1, 1, len(SENSORS)) * AGING)
    values += random.standard_normal(values.shape) * NOISE
    values[:, DISCHARGE] += 0.6 * severity["sensor offset"]
    values = numpy.round(values / STEP) * STEP
    for fault in faults:
        if fault.kind == "sensor stuck":
            begin, end = fault.begin + learn_rows, fault.end + learn_rows
            values[begin:end, FLOW] = values[begin, FLOW]
    busy = numpy.zeros(rows, dtype=bool)
    for fault in faults:
        busy[fault.begin + learn_rows - 30:fault.end + learn_rows + 30] = True
    disturb(random, values, busy)
    return Month(seed, values[:learn_rows], values[learn_rows:], faults)


def write(path, month, watched):
    values = month.watch if watched else month.learn
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("time", *SENSORS))
        for row, cells in enumerate(values):
            out.writerow((month.time(row, watched).strftime("%Y-%m-%dT%H:%M:%SZ"),
                          *("" if numpy.isnan(cell) else f"{cell:.6g}" for cell in cells)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--months", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.months):
        month = make(seed)
        write(arguments.folder / f"month-{seed}-learn.csv", month, False)
        write(arguments.folder / f"month-{seed}-watch.csv", month, True)
        for fault in month.faults:
            print(f"month {seed}: {fault.kind} ({fault.sensor}) from {month.time(fault.begin)} to {month.time(fault.end)}")


if __name__ == "__main__":
    main()
