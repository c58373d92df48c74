"""The rows of the benchmark: each module has what belongs together."""
