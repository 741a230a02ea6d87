"""The Telegram bot: hears, asks services, answers. Everything that must not be lost is a row."""
