"""Graft's core: everything that the web app does, without the app."""

__version__ = "0.1.0"  # the one place: the wheel and `graft --version` read it here
