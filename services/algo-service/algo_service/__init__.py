"""Documents in, answers with their sources out: ingest, search, conversations and users of VoiceHelper."""

__version__ = "1.0.0"
