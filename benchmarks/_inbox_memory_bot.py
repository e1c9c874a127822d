"""A bot as most are written: python-telegram-bot's own dispatcher, updates in memory; run as a process of its own."""

from __future__ import annotations

import sys

import httpx
from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters


def main(token: str, api_url: str, model_url: str) -> None:
    """Poll, ask the model, answer; `concurrent_updates` as its documentation proposes for bots that wait on a network."""
    client = httpx.AsyncClient(timeout=60, trust_env=False)

    async def answer(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        if update.message and update.message.text:
            body = {"model": "stand-in", "messages": [{"role": "user", "content": update.message.text}]}
            said = (await client.post(f"{model_url}/v1/chat/completions", json=body)).json()
            await update.message.reply_text(said["choices"][0]["message"]["content"])

    builder = Application.builder().token(token).base_url(f"{api_url}/bot").base_file_url(f"{api_url}/file/bot")
    application = builder.concurrent_updates(True).build()
    application.add_handler(MessageHandler(filters.TEXT, answer))
    application.run_polling(drop_pending_updates=False, timeout=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
