"""Tries what reads files and requests on damaged ones: see `__main__`."""
