"""Rules and state machines: no HTTP types, no SQL, no outbound calls of their own."""
