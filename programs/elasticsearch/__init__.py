"""Elasticsearch, and OpenSearch in its place: objects as declared, backups, lifecycles."""
