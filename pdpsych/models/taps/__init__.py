"""What is read of a network: a module, and which part of what it gives."""
