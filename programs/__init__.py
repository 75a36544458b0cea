"""What runs in the cluster for the platform: backups, keepers, and what keeps a system as declared. Part of the toolbox image.

A module that is started, `python3 -m programs.<system>.<module>`, takes its values from the environment, its arguments say what to do, and
secrets come in the environment or on standard input. What several systems need stands here, what one system needs in its folder.
"""
