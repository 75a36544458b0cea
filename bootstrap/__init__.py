"""What the controller does in Python: it never runs on a node. Ansible's plugins of this project are built on it."""
