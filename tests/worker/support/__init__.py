"""A tiny engine, a worker process around it, and a Kafka bench to drive it."""
