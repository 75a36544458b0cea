"""NATS with JetStream: streams as declared, a client."""
