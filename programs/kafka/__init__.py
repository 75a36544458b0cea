"""Kafka: users, topics and settings as declared, the place of copies, a client."""
