"""What a chat bot does besides answering: commands, documents, sources, feedback, its phrases in many languages."""
