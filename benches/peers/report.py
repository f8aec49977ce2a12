"""From runs to rows, ratios and bars."""
import json
import statistics
import sys

CALLS_BAR, FIRST_BAR = 20, 5
FIGURES = {"calls_per_s": max, "first_call_ms": min, "answers_per_s": max}


def settings_of(run):
    """A setting without the words of its manual."""
    return json.dumps({k: v for k, v in run["setting"].items() if k not in ("manual", "row")})


def middle(runs, figure):
    """The median over all warnings of some runs."""
    return statistics.median(warning[figure] for run in runs for warning in run["warnings"])


def line(run):
    """One run, as it ends."""
    of = {figure: middle([run], figure) for figure in ("calls_per_s", "first_call_ms", "recorded_s", "answers_per_s")}
    print("{:9} {calls_per_s:8.0f} calls/s   first {first_call_ms:7.1f} ms   recorded {recorded_s:6.2f} s   "
          "{answers_per_s:6.0f} answers/s   {}".format(run["system"], settings_of(run), **of),
          file=sys.stderr, flush=True)


def row(name, runs):
    """The best of a system's settings in each figure, each setting at the median of its warnings."""
    by_setting = {}
    for run in runs:
        by_setting.setdefault(settings_of(run), []).append(run)
    return {"system": name, **{
        figure: best(middle(of, figure) for of in by_setting.values()) for figure, best in FIGURES.items()}}


def compare(runs):
    """A row for each system, and for each setting with a row of its own, with its ratio to ours."""
    groups = {}
    for run in runs:
        groups.setdefault(run["setting"].get("row", run["system"]), []).append(run)
    rows = [{"counts": name == of[0]["system"] != "ours", **row(name, of)} for name, of in groups.items()]
    for one in rows:
        one["calls_ratio"] = rows[0]["calls_per_s"] / one["calls_per_s"]
        one["first_ratio"] = one["first_call_ms"] / rows[0]["first_call_ms"]
    return rows


def bars(rows):
    """Against the best of the peers in each figure."""
    calls = min(one["calls_ratio"] for one in rows if one["counts"])
    first = min(one["first_ratio"] for one in rows if one["counts"])
    return [
        {"bar": f"calls/s at least {CALLS_BAR} times the best peer's", "ratio": calls, "met": calls >= CALLS_BAR},
        {"bar": f"first call in at most 1/{FIRST_BAR} of the best peer's time", "ratio": first,
         "met": first >= FIRST_BAR},
    ]


def table(rows):
    """Rows and bars, for people."""
    print(f"{'':25} {'calls/s':>8} {'ours is':>9} {'first call':>11} {'ours is':>9} {'answers/s':>10}")
    for one in rows:
        print("{system:25} {calls_per_s:8.0f} {calls_ratio:8.1f}x {first_call_ms:8.1f} ms {first_ratio:8.2f}x "
              "{answers_per_s:10.0f}".format(**one))
    for bar in bars(rows):
        print(f"{'met   ' if bar['met'] else 'MISSED'} {bar['bar']}: {bar['ratio']:.2f}")
