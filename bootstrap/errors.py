"""What goes wrong where the controller works."""


class BootstrapError(Exception):
    """A failure in words for whoever runs Ansible: what was found, what was wanted. An action of this project fails with them."""
