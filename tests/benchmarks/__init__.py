"""The benchmarks: one command, `make bench`. What they measure and how fair they are stands in ``__main__``."""
