"""A lab: the nodes of an inventory as systemd containers on one machine, reached as any server would be."""
