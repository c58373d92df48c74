"""How large a value may be, in either direction: so that no work on it is quadratic or endless."""

MOST_PARTS = 1_000_000  # read in about a second; 120 MB if each is in a set of its own
DEEPEST = 200
LONGEST_NUMBER = 4300  # digits: work on them is quadratic; it is Python's own limit, too
