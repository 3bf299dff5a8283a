"""Serial ports as files of a study name them: the port, and after a colon its baud rate."""

from __future__ import annotations

from typing import Any

_BAUD = 115_200


def open_port(address: str, **timeouts: float) -> Any:
    """Open a serial port.

    Parameters
    ----------
    address
        ``PORT`` or ``PORT:BAUD``; 115,200 baud where it says none.
    **timeouts
        ``timeout`` or ``write_timeout`` of pyserial, in s.

    Returns
    -------
    serial.SerialBase
        The port; what cannot be opened raises as pyserial does.
    """
    import serial

    port, _, baud = address.rpartition(":")
    if not (port and baud.isdigit()):
        port, baud = address, str(_BAUD)
    return serial.serial_for_url(port, baudrate=int(baud), **timeouts)
