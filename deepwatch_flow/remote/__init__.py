"""The remote: a store that a team shares, at any place that fsspec reaches."""
