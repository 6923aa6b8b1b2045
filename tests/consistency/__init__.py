"""A workload and a checker of its history: the proof of what docs/contract/consistency.md promises. See README.md."""
