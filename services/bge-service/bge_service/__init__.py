"""Sentence embeddings over HTTP, by any BERT-like model from a read-only folder."""
