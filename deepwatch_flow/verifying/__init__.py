"""Running steps again in a clean place, and comparing what they give with what the lockfile says."""
