"""One OpenAI-compatible API before all language models: LiteLLM's proxy, with its rules in one file."""
