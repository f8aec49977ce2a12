"""From runs to rows, ratios and bars."""
import json
import statistics
import sys

CALLS_BAR, FIRST_BAR = 20, 5


def settings_of(run):
    """A setting without the words of its manual."""
    return json.dumps({k: v for k, v in run["setting"].items() if k != "manual"})


def middle(runs, figure):
    """The median over all warnings of some runs."""
    return statistics.median(warning[figure] for run in runs for warning in run["warnings"])


def line(run):
    """One run, as it ends."""
    of = {figure: middle([run], figure) for figure in ("calls_per_s", "first_call_ms", "recorded_s", "answers_per_s")}
    print("{:25} {calls_per_s:8.0f} calls/s   first {first_call_ms:7.1f} ms   recorded {recorded_s:6.2f} s   "
          "{answers_per_s:6.0f} answers/s   {}   {}".format(
              run["system"], settings_of(run), run["setting"]["manual"], **of),
          file=sys.stderr, flush=True)


def compare(turns):
    """A row for each system at its best setting: medians, and the median of the ratios to ours of each turn."""
    figures = ("calls_per_s", "first_call_ms", "answers_per_s")

    def row(name, runs, pairs):
        return {
            "system": name, "setting": runs[0]["setting"], **{figure: middle(runs, figure) for figure in figures},
            "calls_ratio": statistics.median(
                middle([own], "calls_per_s") / middle([other], "calls_per_s") for own, other in pairs),
            "first_ratio": statistics.median(
                middle([other], "first_call_ms") / middle([own], "first_call_ms") for own, other in pairs),
        }

    own = [own for own, _ in turns]
    rows = [row("ours", own, [(run, run) for run in own])]
    for name in dict.fromkeys(other["system"] for _, other in turns):
        pairs = [pair for pair in turns if pair[1]["system"] == name]
        rows.append(row(name, [other for _, other in pairs], pairs))
    return rows


def bars(rows, peers):
    """Against the best of the peers in each figure."""
    calls = min(one["calls_ratio"] for one in rows if one["system"] in peers)
    first = min(one["first_ratio"] for one in rows if one["system"] in peers)
    return [
        {"bar": f"calls/s at least {CALLS_BAR} times the best peer's", "ratio": calls, "met": calls >= CALLS_BAR},
        {"bar": f"first call in at most 1/{FIRST_BAR} of the best peer's time", "ratio": first,
         "met": first >= FIRST_BAR},
    ]


def table(rows, bars):
    """Rows and bars, for people."""
    print(f"{'':25} {'calls/s':>8} {'ours is':>9} {'first call':>11} {'ours is':>9} {'answers/s':>10}")
    for one in rows:
        print("{system:25} {calls_per_s:8.0f} {calls_ratio:8.1f}x {first_call_ms:8.1f} ms {first_ratio:8.2f}x "
              "{answers_per_s:10.0f}".format(**one))
    for bar in bars:
        print(f"{'met   ' if bar['met'] else 'MISSED'} {bar['bar']}: {bar['ratio']:.2f}")
