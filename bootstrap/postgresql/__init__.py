"""What PostgreSQL is asked and told through its pods."""
