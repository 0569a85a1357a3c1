"""Whose code is it, and which bytes of it run: origins, the snapshot of sources, our finder.

Own modules are read once and compiled from the bytes that are digested, so what runs is what was
hashed. What code means is decided in ``analysis``, never here.
"""
