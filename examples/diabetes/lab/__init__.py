"""The helpers of the pipeline, one module for each concern."""
