"""Python's small objects in huge pages: they are there, come and go, and what is freed is used again."""

import subprocess
import sys

from kamstream.native import COMPILED
from kamstream.worker.arenas import use_huge_pages

CHURN = """
from pathlib import Path
from kamstream.worker.arenas import use_huge_pages

def resident(name="VmRSS:"):
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) << 10

assert use_huge_pages() and use_huge_pages()
before = resident()
kept = [{number: (str(number), [number])} for number in range(300_000)]
full = resident()
assert full - before > 100 << 20
assert all(each[number] == (str(number), [number]) for number, each in enumerate(kept))
del kept[10:]
assert resident() - before < (full - before) // 2, "what is freed is given back"
for _ in range(3):
    kept = None
    kept = [{number: (str(number), [number])} for number in range(300_000)]
    assert all(each[number] == (str(number), [number]) for number, each in enumerate(kept))
assert resident("VmHWM:") - before < (full - before) * 1.5, "and used again"
print("right")
"""


def test_objects_come_and_go_in_huge_pages() -> None:
    if not COMPILED:
        assert not use_huge_pages(), "the pure form leaves memory as it is"
        return
    done = subprocess.run([sys.executable, "-c", CHURN], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("right\n", 0), done.stderr
