"""Button boxes and game pads, by fakes that speak as they do, byte for byte."""

import json
import os
import subprocess
import sys
import time

import pytest
from refusals import refused

from pdpsych.displays.lab import buttons
from pdpsych.displays.lab.buttons import PadButtons, open_buttons


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    """Import no PsychoPy into this process, which would change it."""
    monkeypatch.setattr(buttons, "_now", time.monotonic)


@pytest.fixture
def wire():
    """Return the end of a serial line that a box writes to, and the name of the computer's."""
    if sys.platform == "win32":
        pytest.skip("no pseudo-terminals")
    import pty
    import tty

    box, computer = pty.openpty()
    tty.setraw(computer)
    yield box, os.ttyname(computer)
    os.close(box)
    os.close(computer)


@pytest.mark.parametrize("baud", ["", ":9600"])
def test_a_serial_box_says_a_byte_for_each_press(wire, baud):
    box, port = wire
    os.write(box, b"z")
    opened = open_buttons(f"serial:{port}{baud}", "early.yaml")
    # What was pressed before it was opened is no answer.
    assert opened.presses() == []
    os.write(box, b"a2\x07\xff")
    time.sleep(0.05)
    found = opened.presses()
    assert [press.name for press in found] == ["button:a", "button:2", "button:7", "button:255"]
    assert len({press.tDown for press in found}) == 1
    assert opened.presses() == []
    os.write(box, b"a")
    time.sleep(0.05)
    (later,) = opened.presses()
    assert later.tDown > found[0].tDown
    opened.close()


PSYCHOPY = """
import json, sys
from psychopy.hardware import button
from pdpsych.common.errors import InputError
from pdpsych.displays.lab.buttons import boxes, open_buttons

class Xid(button.BaseButtonGroup):
    # As a box of Cedrus: six bytes a press, "k", then port and button, and the time in ms.
    sent = b""
    def resetTimer(self, clock=None):
        pass
    def dispatchMessages(self):
        while len(self.sent) >= 6:
            message, self.sent = self.sent[:6], self.sent[6:]
            self.receiveMessage(self.parseMessage(message))
    def parseMessage(self, message):
        assert message[:1] == b"k"
        down, channel = bool(message[1] & 0x10), message[1] >> 5
        moment = int.from_bytes(message[2:], "little") / 1000
        return button.ButtonResponse(t=moment, value=down, channel=channel)

opened = open_buttons("psychopy:Xid", "early.yaml")
down, up = bytes([0x10 | 3 << 5]), bytes([3 << 5])
opened._device.sent = b"k" + down + (1234).to_bytes(4, "little")
opened._device.sent += b"k" + up + (1300).to_bytes(4, "little")
opened._device.sent += b"k" + bytes([0x10]) + (1400).to_bytes(4, "little")
found = [opened.presses(), opened.presses(), sorted(boxes())]
for name in ("psychopy:RB999", "pad:7"):
    try:
        open_buttons(name, "early.yaml")
    except InputError as error:
        found.append([error.field, error.problem, error.remedy])
print("@" + json.dumps(found))
"""


def test_a_box_of_psychopy_says_which_button_and_when(x_environment):
    done = subprocess.run(
        [sys.executable, "-c", PSYCHOPY], env=x_environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("@")]
    presses, later, known, unknown, pad = json.loads(line[1:])
    assert presses == [["button:3", 1.234], ["button:0", 1.4]]
    assert later == []
    assert known == ["Xid"]
    assert unknown[0] == "buttons"
    assert "psychopy-cedrus" in unknown[2]
    # By a machine without the folder of such devices, too.
    assert any(word in pad[1] for word in ("game pad", "cannot be opened"))


class Pad:
    def __init__(self):
        self.down = [True, False, False]

    def poll(self):
        self.now = list(self.down)

    def getAllButtons(self):
        return self.now


def test_a_pads_button_is_one_press_however_long_it_is_held():
    pad = Pad()
    opened = PadButtons(pad)
    # One that was down when it was opened is no press.
    assert opened.presses() == []
    pad.down = [True, True, True]
    assert [press.name for press in opened.presses()] == ["button:1", "button:2"]
    assert opened.presses() == []
    pad.down = [False, False, True]
    assert opened.presses() == []
    pad.down = [True, False, True]
    assert [press.name for press in opened.presses()] == ["button:0"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("seriall:/dev/ttyS0", {"allowed": "serial:PORT"}),
        ("serial", {"allowed": "psychopy:CLASS"}),
        ("serial:/dev/nowhere", {"remedy": "plugged in"}),
    ],
)
def test_a_device_that_is_not_there_is_refused(name, told):
    with refused(file="early.yaml", field="buttons", **told):
        open_buttons(name, "early.yaml")
