"""Runs ours and the peers in turn and prints what came of it. Started by `run`, which tells how."""
import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import ours
import peers
import report
from child import WAIT_S, Child, request
from report import line, middle, settings_of

HERE = Path(__file__).parent
SETTINGS = {**ours.SETTINGS, **peers.SETTINGS, **peers.ASIDE}
WARM_VILLAGE, VILLAGE = "533324204298", "533324204299"
WARM_PERSONS = 50
WARNINGS = 2  # of each run
runs = itertools.count(1)


def persons_of(count):
    """The people of a small village, for warming up, and of the village that is measured."""
    people = [(i, f"人{i}", f"+86199{i:08}") for i in range(1, WARM_PERSONS + count + 1)]
    return {WARM_VILLAGE: people[:WARM_PERSONS], VILLAGE: people[WARM_PERSONS:]}


def measured(name, setting, sink, persons, state):
    """One run from an empty store: warm up, then some warnings, half of whose persons answer."""
    run = f"peers{next(runs)}"
    start = ours.Ours if name in ours.SETTINGS else lambda *rest: peers.Peer(name.split(",")[0], *rest)
    system = start(setting, run, sink, persons, state)
    told = []
    try:
        calls, answers = 0, 0
        for village in [WARM_VILLAGE] + [VILLAGE] * WARNINGS:
            one = warned(system, village, f"{run}-{len(told)}", len(persons[village]), (calls, answers), sink)
            calls, answers = calls + one["calls"], answers + one["answers"]
            told.append(one)
    except Exception:
        print(Path(f"{state}/{run}.log").read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        system.stop()
    return {"system": name, "setting": setting, "warnings": told[1:]}


def warned(system, village, warning, count, before, sink):
    """One warning: everybody is called, half of them answer, and the records are counted."""
    request(f"{sink}/reset", {})
    t0 = system.publish(village, warning)
    came = request(f"{sink}/wait/{count}")
    settled(system, "recorded", before[0] + count)
    recorded = time.monotonic_ns()
    answers = request(f"{sink}/answer", system.answers)
    end = settled(system, "answered", before[1] + answers["answered"])
    calls, answered = before[0] + count, before[1] + answers["answered"]
    wanted = {"recorded": calls, "answered": answered, "armed": calls - answered}
    if came["count"] != count or end != wanted:
        raise RuntimeError(f"{warning}: {came} and {end} instead of {wanted}")
    return {
        "calls": count, "answers": answers["answered"], "requests": came["requests"],
        "calls_per_s": count / ((int(came["last_ns"]) - t0) / 1e9),
        "first_call_ms": (int(came["first_ns"]) - t0) / 1e6,
        "recorded_s": (recorded - t0) / 1e9,
        "answers_per_s": answers["answered"] / answers["seconds"],
    }


def settled(system, what, count):
    """The system's state once so many are there."""
    end = time.monotonic() + WAIT_S
    while (state := system.state())[what] < count:
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: {state} instead of {count}")
        time.sleep(0.02)
    return state


def in_turn(names, rounds, one):
    """The settings of each system first, then ours and each of the others in turn at their best: pairs of runs."""

    def take(name, setting):
        run = one(name, setting)
        line(run)
        return run

    def best(name):
        tried = [take(name, setting) for setting in SETTINGS[name]]
        setting = max(tried, key=lambda run: middle([run], "calls_per_s"))["setting"]
        print(f"{name}: the best is {settings_of({'setting': setting})}", file=sys.stderr)
        return setting

    found = {name: best(name) if len(SETTINGS[name]) > 1 else SETTINGS[name][0] for name in names}
    own = found.pop("ours")
    return [(take("ours", own), take(name, setting)) for _ in range(rounds) for name, setting in found.items()]


def main():
    parser = argparse.ArgumentParser(prog="benches/peers/run", description=__doc__)
    parser.add_argument("--persons", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", action="append", choices=peers.SETTINGS, help="this peer; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    args = parser.parse_args()
    state, persons = os.environ["PEERS_STATE"], persons_of(args.persons)
    sink_process = Child(["node", str(HERE / "sink.js")], f"{state}/sink.log")
    sink = sink_process.ready()
    load = subprocess.run(["node", str(HERE / "load.js"), sink], check=True, capture_output=True, text=True)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; the sink takes {load.stdout.strip()} requests/s",
          file=sys.stderr)
    names = ["ours", *args.only] if args.only else SETTINGS
    turns = in_turn(names, args.rounds, lambda name, setting: measured(name, setting, sink, persons, state))
    sink_process.stop()
    rows = report.compare(turns)
    bars = report.bars(rows, peers.SETTINGS)
    report.table(rows, bars)
    if args.json:
        print(json.dumps({"persons": args.persons, "rounds": args.rounds, "cores": os.cpu_count(),
                          "sink_requests_per_s": int(load.stdout), "rows": rows, "bars": bars, "turns": turns},
                         ensure_ascii=False))


if __name__ == "__main__":
    main()
