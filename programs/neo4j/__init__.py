"""Neo4j: users and schema as declared, backups, metrics, a client."""
