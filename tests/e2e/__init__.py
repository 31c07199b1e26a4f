"""The whole way, through the commands that a user types: publish → Kafka → worker → Redis."""
