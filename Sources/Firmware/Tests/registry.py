"""How a file of tests names its tests for run_tests.py, which runs them in the order in which they stand."""


def registry():
    """A list of (name, function) and the decorator that adds to it."""
    tests = []

    def test(name):
        def register(run):
            tests.append((name, run))
            return run
        return register

    return tests, test
