"""Files of anybody, audited: where their bytes go, where their numbers come from, and what changed."""
