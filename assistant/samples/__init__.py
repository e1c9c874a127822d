"""The sample knowledge: documents of an invented company, for a first try without documents of one's own."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "documents"
"""The documents: Markdown, HTML and CSV in English, Chinese, Spanish and German."""

QUESTIONS = (
    "What flow rate does the Zeta-9 pump deliver?",
    "How often must the filter of the Zeta-9 be cleaned?",
    "What must I do when the display shows error code E4?",
    "How long is the warranty on a pump?",
    "Within how many days can I return a product?",
    "How many vacation days does an employee have?",
    "How much does a repair cost after the warranty?",
    "How much does shipping inside Germany cost?",
    "When does the workshop take pumps in?",
    "¿Cuánto cuesta el envío?",
)
"""Questions that the documents answer, and that the small default model answers well."""
