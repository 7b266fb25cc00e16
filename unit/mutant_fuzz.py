# SPDX-License-Identifier: BSD-2-Clause
"""The fuzz targets as what is to catch mutants (mutants.py --fuzz): first each target's seeds, then mutations of them."""
import tempfile
import time

from mutant_tree import ROOT, Error, run
from mutant_trial import Counts, Verdict

TARGETS = tuple(sorted(path.stem.removeprefix("fuzz_") for path in (ROOT / "fuzz").glob("fuzz_*.c")))
HANG = 10  # seconds for one input
HANG_STATUS = 70  # libFuzzer's, if one takes longer
START = 5  # seconds beyond its share that a run may take to begin and to report
SEEDS_LIMIT = 600


def build(tree, options, pool):
    """Builds the targets, with sanitizers, beside the tests."""
    tree.configure("build-fuzz", [*options, "KEEL_FUZZ=libfuzzer", "KEEL_SANITIZE=address,undefined"])
    tree.build("build-fuzz", [f"fuzz_{target}" for target in TARGETS])
    for target, done in zip(TARGETS, pool.map(lambda target: fuzz(tree, target, SEEDS_LIMIT, ["-runs=0"]), TARGETS)):
        if done.status != 0:
            raise Error(f"{done.output}\nmutants: fuzz_{target} fails without any mutant")


def fuzz(tree, target, limit, options, **environment):
    """One run of a target, in a folder of its own, where it leaves what it finds."""
    place, words = tree.folder / "build-fuzz", ROOT / "fuzz" / f"{target}.dict"
    with tempfile.TemporaryDirectory() as folder:
        return run([place / "fuzz" / f"fuzz_{target}", "-seed=1", "-print_final_stats=1", f"-timeout={HANG}", *options,
                    *([f"-dict={words}"] if words.is_file() else []), folder, place / "seeds" / target],
                   limit, cwd=folder, **environment)


def attempt(tree, number, seconds):
    """The verdict of fuzzing alone, which has so many seconds, by the clock as libFuzzer counts them."""
    begun, counts = time.monotonic(), Counts()
    turns = [(target, stage) for stage in ("seeds", "fuzzing") for target in TARGETS]
    for index, (target, stage) in enumerate(turns):
        left = seconds - (time.monotonic() - begun)
        if left < 1 and index > 0:
            break
        share = left if stage == "seeds" else left / (len(turns) - index)
        options = ["-runs=0"] if stage == "seeds" else [f"-max_total_time={max(1, int(share))}"]
        done = fuzz(tree, target, share + START, options, KEEL_MUTANT=str(number))
        counts.add(done.output)
        if done.is_killed:
            return Verdict("", str(counts), time.monotonic() - begun, f"no verdict: fuzz_{target} was killed by somebody else")
        if done.status not in (0, None):
            return Verdict(f"fuzz_{target} ({stage})", str(counts), time.monotonic() - begun, hangs=done.status == HANG_STATUS)
    return Verdict("", str(counts), time.monotonic() - begun)
