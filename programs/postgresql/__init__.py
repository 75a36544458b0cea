"""PostgreSQL: what is recorded with a backup, restores, and whether the archive keeps up."""
