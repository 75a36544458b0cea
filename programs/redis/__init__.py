"""Redis Cluster: what keeps its members in shape, users as declared, backups."""
