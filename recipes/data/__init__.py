"""Reads examples from files of any format, and holds some of them out."""
