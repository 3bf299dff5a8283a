"""Where the amplitudes of trials are placed."""
