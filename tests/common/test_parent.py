from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import time
from pdpsych.common.parallel import spread

def work(number):
    print("works", flush=True)
    time.sleep(90)

if __name__ == "__main__":
    list(spread(work, range(2), 2))
"""


def test_workers_end_when_the_process_that_asked_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as asking:
        assert [asking.stdout.readline() for _ in range(2)] == ["works\n"] * 2
        asking.kill()
        # Ends when nobody can write into the pipe any more.
        assert asking.communicate(timeout=30)[0] == ""
