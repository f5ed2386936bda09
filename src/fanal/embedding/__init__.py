"""Embeddings of sentences, computed by native code in a sandboxed child process."""
