"""What ``deepwatch doctor`` looks at: each check yields findings, and a finding may bring its cure."""
