"""RabbitMQ: users, queues and policies as declared, a client."""
