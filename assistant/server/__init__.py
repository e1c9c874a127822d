"""The HTTP surface: an OpenAI-compatible API, the knowledge, a chat page, health, and the SageMaker contract."""
