"""The life of a lock: what two of them differ in, how two are merged, mended, carried over to another scheme."""
