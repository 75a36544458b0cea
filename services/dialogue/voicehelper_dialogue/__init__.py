"""A spoken conversation: what somebody says to text, the text to an answer, the answer to speech, sentence by sentence."""

from .dialogue import Ask, Dialogue, DialogueError, Ear, Piece
from .synthesis import Voice

__all__ = ["Ask", "Dialogue", "DialogueError", "Ear", "Piece", "Voice"]
