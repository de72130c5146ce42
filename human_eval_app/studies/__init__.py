"""What is asked: a study's design, questions, items, texts and folder, and how one is made from runs."""
