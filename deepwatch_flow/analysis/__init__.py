"""The deep code hash: canonical syntax, names on live objects, Merkle digests."""
