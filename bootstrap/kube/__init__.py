"""A cluster's API, and what its objects mean: bundles, their stages and states, members and claims, Jobs, the toolbox, the run's lock."""
