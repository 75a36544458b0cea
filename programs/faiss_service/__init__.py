"""FAISS: one writer and the readers that follow it."""
