"""How plans, runs and reasons are put into words, documents and drawings."""
