"""The fault harness: a real Kafka, a real Redis, one to three workers, and everything that can go wrong with them.

    python -m tests.faults --minutes 10          # runs of all kinds in turn, each with a seed of its own
    python -m tests.faults --kind kill9 --seed 7 # one run again
    python -m tests.faults --planted             # bugs put in on purpose are caught
    python -m tests.faults --table               # the table of reliability, from runs.csv

A run publishes a nasty history while a seeded script of faults goes on, lets everything heal, waits for rest, and then
compares: every value in Redis, the dead letters and the alerts with an engine that read the log undisturbed. A reader
polls Redis all the while and must never see a version go back or half of an update.
"""
