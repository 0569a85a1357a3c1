"""What really happens in this process while a step runs: code that runs, files and variables that are read.

Recording is cheap and judges nothing; what counts is decided afterwards, in ``sifting``. What an
observation means for a step is left to the engine.
"""
