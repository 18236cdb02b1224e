"""What a process makes for itself goes with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rankladder.temporary import new_temporary_folder, remove_temporary, temporary_folder

posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

MADE = """
import os, signal, sys, time
from pathlib import Path
for name in ("SIGTERM", "SIGHUP"):  # the program that started the tests may ignore them
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
from rankladder.temporary import new_temporary_folder
from rankladder.storage import whole_file
folder = new_temporary_folder()
(folder / "text").write_text("private")
with whole_file(Path(sys.argv[1]) / "out") as file:
    file.write("half of it")
    END
"""


def ended(tmp_path: Path, end: str) -> int:
    """The status of a process that made a temporary folder, and was writing a file, when it came to its end."""
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "tmp").mkdir(exist_ok=True)
    code = MADE.replace("END", end)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "TEMP": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    return subprocess.run(command, check=False, env=environment, stderr=subprocess.DEVNULL).returncode


def left(tmp_path: Path) -> list[str]:
    return [path.name for place in ("out", "tmp") for path in (tmp_path / place).iterdir()]


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_nothing_is_left_by_a_process_that_a_signal_ends(tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    assert ended(tmp_path, f"os.kill(os.getpid(), {int(number)}); time.sleep(60)") == -number
    assert left(tmp_path) == []


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise KeyboardInterrupt", "raise ValueError"])
def test_nothing_is_left_by_a_process_that_ends_by_itself(tmp_path: Path, end: str) -> None:
    assert ended(tmp_path, end) != 0
    assert left(tmp_path) == []


@posix
def test_a_forked_child_leaves_its_parents_folder_alone(tmp_path: Path) -> None:
    code = "child = os.fork() or os.kill(os.getpid(), 15)\n"
    code += "    os.waitpid(child, 0)\n    assert (folder / 'text').exists()"
    assert ended(tmp_path, code) == 0
    assert left(tmp_path) == ["out"]


@posix
def test_a_forked_child_that_exits_with_its_parents_objects_removes_nothing(tmp_path: Path) -> None:
    code = "import weakref; from rankladder.temporary import remove_temporary\n"
    code += "    held = type('Held', (), {})()\n"
    code += "    weakref.finalize(held, remove_temporary, folder)\n"
    code += "    child = os.fork() or sys.exit(0)\n"
    code += "    os.waitpid(child, 0)\n    assert (folder / 'text').exists()"
    assert ended(tmp_path, code) == 0
    assert left(tmp_path) == ["out"]


@posix
def test_a_signal_that_the_program_handles_stays_the_programs(tmp_path: Path) -> None:
    code = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
from rankladder.temporary import new_temporary_folder
new_temporary_folder()
os.kill(os.getpid(), signal.SIGTERM)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 7


@posix
def test_what_a_killed_process_left_goes_with_the_next_and_a_living_ones_stays(tmp_path: Path) -> None:
    assert ended(tmp_path, "os.kill(os.getpid(), 9)") == -9
    (abandoned,) = (tmp_path / "tmp").iterdir()
    mine = new_temporary_folder(tmp_path / "tmp")
    assert abandoned.exists()  # its process may just be about to lock it
    for folder in (abandoned, mine):
        os.utime(folder, (time.time() - 3600,) * 2)
    with temporary_folder(tmp_path / "tmp"):
        assert mine.exists()
        assert not abandoned.exists()
    remove_temporary(mine)
    assert list((tmp_path / "tmp").iterdir()) == []
