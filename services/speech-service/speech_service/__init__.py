"""Speech to text over HTTP and WebSocket."""
