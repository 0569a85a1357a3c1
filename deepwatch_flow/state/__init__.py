"""What deepwatch keeps: lockfile, database, store of blobs, mutex and codecs."""
