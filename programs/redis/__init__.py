"""Redis Cluster: what keeps its topology, users as declared, backups."""
