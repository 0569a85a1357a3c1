"""Digests of bytes, fields, Python values, files and folders."""
