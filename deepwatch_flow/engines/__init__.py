"""Executors on engines that distribute work: Dask and Ray, imported when the settings name them."""
