"""Text to speech: WAV, whole or sentence by sentence."""
