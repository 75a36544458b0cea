"""Which tests of services the gate runs."""

from tests import services


def test_each_package_of_services_has_tests_that_run(project):
    packages = {path.parent.name for path in project.glob("services/*/pyproject.toml")}
    assert packages and packages == set(services.names())
