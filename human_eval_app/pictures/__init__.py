"""The pictures of a study before it is one: where they come from, and how all become alike."""
