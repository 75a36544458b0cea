"""Vector search over HTTP: FAISS, a log that outlives a crash, one writer and readers that follow it."""
