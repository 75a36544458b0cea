"""What a machine is and has: read-only looks that `node_probe` puts together. It runs on nodes."""
