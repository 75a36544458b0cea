"""The life of a node: what the cluster is just now, whether it can do without a node, and what an operator should do next."""
