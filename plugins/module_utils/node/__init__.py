"""What modules on nodes share. It reaches them with a module, so it needs no more than Python and Ansible's own module_utils."""
