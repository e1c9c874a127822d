"""Deployment of the assistant's model on Amazon SageMaker."""
