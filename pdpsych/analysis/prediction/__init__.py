"""What models predict at the amplitudes that people were shown, and how well it holds."""
