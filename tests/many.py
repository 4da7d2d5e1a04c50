"""Many slices in one folder: bounded memory, and after a kill the same table. With 1,000, and the shipped networks:

    python tests/many.py FOLDER 1000 [--quick]

It makes phantoms, segments them once at a stretch, and a second time with a SIGKILL on the way. Options go to
`sarco segment`.
`tests/slice_tool/test_many.py` does the same with a dozen and a stand-in for the networks.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SARCO = [Path(sys.executable).with_name("sarco"), "segment"]


def memory_mib(process):
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), None)


def finished(out):
    """Numbers of the slices that are done; a hidden file is one that was half written, and pathlib finds it too."""
    return [path for path in out.rglob("*.json") if not path.name.startswith(".")]


def run(slices, out, command=SARCO, kill_after=None):
    """Segment a folder; with `kill_after`, kill the process once so many slices are done.

    Returns
    -------
    list of (int, float)
        Slices done, and memory in MiB, as they went on.
    """
    seen, started = [], time.monotonic()
    process = subprocess.Popen([*command, slices, "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        done = len(finished(out))
        memory = memory_mib(process.pid)
        if memory is not None and (not seen or done != seen[-1][0]):
            seen.append((done, memory))
        if kill_after is not None and done >= kill_after:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return seen
        time.sleep(0.02 if kill_after else 0.2)
    if process.returncode != 0:
        raise SystemExit(f"{command}: exit code {process.returncode}")
    print(f"{out}: {time.monotonic() - started:.0f} s")
    return seen


def main(folder, count, *options):
    from sarco.cohort import make

    command = [*SARCO, *options]
    cohort = folder / "cohort"
    if not cohort.exists():
        make.make(cohort, cases=count)
    seen = run(cohort / "images", folder / "whole", command)
    settled = [memory for done, memory in seen if done >= count // 10]
    print(f"memory: {settled[0]:.0f} MiB after a tenth, {max(settled):.0f} MiB at most")
    run(cohort / "images", folder / "killed", command, kill_after=count // 3)
    left = [path for path in (folder / "killed").rglob(".*") if path.is_file()]
    print(f"killed: {len(finished(folder / 'killed'))} slices done, {len(left)} files half written")
    run(cohort / "images", folder / "killed", command)
    left = [path for path in (folder / "killed").rglob(".*") if path.is_file()]
    same = (folder / "whole/table.csv").read_bytes() == (folder / "killed/table.csv").read_bytes()
    print(f"went on: {len(left)} files half written; the tables are {'the same' if same else 'NOT the same'}")
    if left or not same or max(settled) > settled[0] + 100:
        raise SystemExit("not as it should be")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
