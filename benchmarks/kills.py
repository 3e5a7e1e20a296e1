"""Kills trainings at random instants, and sees whether the same command ends with the same bytes.

    python benchmarks/kills.py [--kinds text translation images pretraining] [--kills N] [--seed N]

Each kind trains once without a hindrance. Then the command is started, killed by SIGKILL, with all
that it has started, at an instant drawn evenly from its whole time, import and report included,
and started again until it ends. `--signal TERM` asks it to stop in place of killing it. The table
tells how many ended with the same `model.safetensors`, what lies beside the runs afterwards, and
how many seconds of training were done twice: from the last state that was kept, or from the
beginning of training, to the kill. `--every` is the number of seconds between two states; with less
than the default of 30, trainings as short as these have states within epochs.
"""

import argparse
import atexit
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from made_pictures import SIGNS, draw_sign, write_pictures

from regard.recipes.text.reviews import generate_reviews
from regard.recipes.translation.dates_and_numbers import generate_pairs

PROGRAM = """
import sys
from regard.recipes.training import keeping
keeping.SAVE_SECONDS = float(sys.argv.pop(1))
from regard.recipes.cli import main
main()
"""
MOST_STARTS = 3  # of the same command, after a kill
TRAINS = "Training on"  # what the line begins with that says that data has been read


def main() -> None:
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print("| kind | kills | went on to the same bytes | left | most done twice | seconds of one |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for kind in options.kinds:
            place = Path(folder) / kind
            place.mkdir()
            print(examine(kind, place, options), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS])
    parser.add_argument("--kills", type=int, default=3, help="of a kind; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the instants; default: %(default)s")
    parser.add_argument("--every", type=float, default=5.0, help="default: %(default)s seconds")
    parser.add_argument("--signal", choices=["KILL", "TERM", "INT"], default="KILL")
    parser.add_argument("--folder", type=Path, help="for data and runs; default: a temporary one")
    return parser.parse_args()


def text(place: Path) -> list[str]:
    rows = zip(*generate_reviews(3000, 0, held_out=False), strict=True)
    lines = [f"{text}\t{label}" for text, label in rows]
    (place / "data.tsv").write_text("\n".join(["review\tlabel", *lines]), "utf-8")
    return ["fit", "text", "data.tsv", "--no-teacher", "--epochs", "4"]


def translation(place: Path) -> list[str]:
    for name, lines in zip(("en", "zh"), generate_pairs(6000, 0, held_out=False), strict=True):
        (place / f"data.{name}").write_text("\n".join(lines), "utf-8")
    size = ["--preset", "transformer_small", "--epochs", "3"]
    return ["fit", "translation", "--source", "data.en", "--target", "data.zh", *size]


def images(place: Path) -> list[str]:
    write_pictures(place / "data", draw_sign, [*SIGNS], 600, 0)
    return ["fit", "images", "data", "--epochs", "8"]


def pretraining(place: Path) -> list[str]:
    texts, _ = generate_reviews(4000, 0, held_out=False)
    (place / "data.txt").write_text("\n".join(texts), "utf-8")
    return ["pretrain", "text", "data.txt", "--epochs", "4"]


KINDS = {each.__name__: each for each in (text, translation, images, pretraining)}


def examine(kind: str, place: Path, options: argparse.Namespace) -> str:
    """Returns the row of a kind in the table."""
    command = [sys.executable, "-c", PROGRAM, str(options.every), *KINDS[kind](place)]
    data = {path.name for path in place.iterdir()}
    began = time.monotonic()
    status = Training(command, place, "whole").process.wait()
    seconds = time.monotonic() - began
    if status:
        sys.exit(f"{kind}: the training that nobody hindered ended with {status}")
    draw = random.Random(f"{options.seed} {kind}")
    same, twice, left = 0, [], set()
    for number in range(options.kills):
        after = draw.uniform(0, seconds)
        is_same, lost = kill_once(command, place, after, options.signal)
        same, twice = same + is_same, [*twice, lost]
        left |= {path.name for path in place.iterdir()} - data - {"whole"}
        words = f"{kind} {number + 1}: killed after {after:.1f} of {seconds:.1f} s, {lost:.1f} s "
        print(f"{words}done twice, {'same' if is_same else 'OTHER'} bytes", file=sys.stderr)
    cells = [kind, options.kills, same, ", ".join(sorted(left)) or "nothing"]
    return f"| {' | '.join(map(str, cells))} | {max(twice):.1f} s | {seconds:.0f} s |"


class Training:
    """A command under way, with the time at which it began to train."""

    def __init__(self, command: list[str], place: Path, output: str):
        self.trains_since: float | None = None
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*command, "--output", output],
            cwd=place,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.process.kill)  # nothing is left where this is stopped
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith(TRAINS):
                self.trains_since = time.time()


def kill_once(command: list[str], place: Path, after: float, name: str) -> tuple[bool, float]:
    """Returns whether the bytes are the same in the end, and the seconds that were done twice."""
    output = place / "killed"
    training = Training(command, place, output.name)
    try:
        training.process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(training.process.pid, getattr(signal, f"SIG{name}"))
    killed = time.time()
    training.process.wait()
    states = output.with_name(f".{output.name}.state")
    kept = [path.stat().st_mtime for path in states.glob("*.state")]
    since = max(kept, default=training.trains_since)
    lost = 0.0 if output.exists() or since is None else max(0.0, killed - since)
    for _ in range(MOST_STARTS):
        if output.exists() and not states.exists():
            break
        again = Training(command, place, output.name)
        if again.process.wait() and not output.exists():
            sys.exit(f"the same command did not go on:\n{''.join(again.lines)}")
    weights = [place / run / "model/model.safetensors" for run in ("whole", output.name)]
    is_same = weights[0].read_bytes() == weights[1].read_bytes()
    shutil.rmtree(output)
    return is_same, lost


if __name__ == "__main__":
    main()
