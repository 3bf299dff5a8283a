"""A person at a screen: the window, its frames and its pages of text."""
