"""MinIO: buckets and users as declared, and the mirror of its objects in a secondary."""
