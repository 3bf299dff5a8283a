"""Figures of tables and arrays; nothing here knows a result."""
