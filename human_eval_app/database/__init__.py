"""Connections to SQLite and PostgreSQL, the tables there, and the migrations that made them."""
