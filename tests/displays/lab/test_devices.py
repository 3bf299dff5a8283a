"""Devices are switched by the very bytes that they expect, or refused before anything is shown."""

from __future__ import annotations

import os
import sys
import threading
import types
import warnings
from typing import ClassVar

import pytest
from refusals import refused

from pdpsych.displays.lab.devices import open_device

pytest.importorskip("psychopy")
if sys.platform == "win32":
    pytest.skip("pseudo-terminals stand for serial ports", allow_module_level=True)


class BitsSharp:
    """Answers at a pseudo-terminal as the firmware of a Bits# does; keeps what it was told."""

    def __init__(self, product=b"Bits_Sharp"):
        self.product, self.told = product, []
        self.ours, self.theirs = os.openpty()
        self.port = os.ttyname(self.theirs)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        heard = b""
        while True:
            heard += os.read(self.ours, 100)
            while b"\r" in heard:
                command, _, heard = heard.partition(b"\r")
                self.told.append(command)
                if command == b"$ProductType":
                    os.write(self.ours, b"#ProductType;" + self.product + b";\n\r")


@pytest.fixture
def ports(monkeypatch):
    """Return a function that says which serial ports the computer has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from psychopy.hardware import serialdevice

    monkeypatch.setattr(serialdevice, "ports", {})

    def are(*names):
        monkeypatch.setattr(serialdevice, "_findPossiblePorts", lambda: list(names))

    return are


@pytest.mark.parametrize(
    ("output", "table", "commands"),
    [
        ("mono++", "linear", [b"$monoPlusPlus", b"$enableGammaCorrection=[13bitLinearLUT.txt]"]),
        ("color++", "lab.txt", [b"$colorPlusPlus", b"$enableGammaCorrection=[lab.txt]"]),
    ],
)
def test_a_bits_sharp_is_told_mode_and_table(ports, output, table, commands):
    other, wanted = BitsSharp(product=b""), BitsSharp()
    ports("/dev/not-there", other.port, wanted.port)
    device = open_device(output, table, "lab.yaml")
    assert device.name == "Bits_Sharp"
    assert wanted.told == [b"$ProductType", *commands]
    device.close()
    while wanted.told[-1] != b"$autoPlusPlus":
        pass
    # Nothing else is told to what is no device of CRS.
    assert other.told == [b"$ProductType"]


def test_without_a_bits_sharp_it_says_so(ports):
    ports()
    with refused(file="lab.yaml", field="display.output", value="mono++", remedy="USB") as told:
        open_device("mono++", "linear", "lab.yaml")
    assert "no Bits# or Display++" in told.value.problem


class Pixx:
    """What pypixxlib offers of a device, which takes changes only when its registers are read."""

    there, firmware = True, ("C24", "M16", "C48")
    calls: ClassVar[list[tuple]] = []

    def __init__(self):
        if not self.there:
            raise OSError("no VPixx device")
        self.mode = self.asked = "C24"

    def getVideoMode(self):
        return self.mode

    def setVideoMode(self, mode):
        self.asked = mode
        self.calls.append(("mode", mode))

    def restoreLinearCLUT(self):
        self.calls.append(("linear",))

    def updateRegisterCache(self):
        self.mode = self.asked if self.asked in self.firmware else self.mode
        self.calls.append(("update",))

    def close(self):
        self.calls.append(("close",))


@pytest.fixture
def pixx(monkeypatch):
    """Install a library with a VIEWPixx that is not there and a DATAPixx that is."""
    absent = type("Absent", (Pixx,), {"there": False})
    present = type("Present", (Pixx,), {"calls": []})
    for name, members in {
        "pypixxlib": {},
        "pypixxlib.viewpixx": {"VIEWPixx": absent},
        "pypixxlib.datapixx": {"DATAPixx": present},
    }.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return present


@pytest.mark.parametrize(("output", "mode"), [("m16", "M16"), ("c48", "C48")])
def test_a_datapixx_gets_its_mode_and_a_linear_table_and_its_old_mode_back(pixx, output, mode):
    device = open_device(output, "linear", "lab.yaml")
    assert device.name == "DATAPixx"
    assert pixx.calls == [("mode", mode), ("linear",), ("update",)]
    device.close()
    assert pixx.calls[3:] == [("mode", "C24"), ("update",), ("close",)]


def test_a_mode_that_is_not_taken_is_refused(pixx):
    pixx.firmware = ("C24",)
    with refused(field="display.output", value="m16", remedy="firmware"):
        open_device("m16", "linear", "lab.yaml")
    assert pixx.calls[-1] == ("close",)


def test_without_library_or_device_it_says_so(pixx, monkeypatch):
    pixx.there = False
    with refused(file="lab.yaml", field="display.output", remedy="USB"):
        open_device("c48", "linear", "lab.yaml")
    monkeypatch.setitem(sys.modules, "pypixxlib.viewpixx", None)
    with refused(file="lab.yaml", field="display.output", remedy="Software Tools"):
        open_device("c48", "linear", "lab.yaml")
