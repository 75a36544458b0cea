"""What the platform is for, shown on a cluster that is up: documents, questions, speech, a call, and the pages in a browser."""
