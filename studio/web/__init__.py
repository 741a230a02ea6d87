"""Front doors over HTTP: parse, authorise, call one service, render."""
