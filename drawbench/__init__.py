"""What is asked: prompt sets, references and the `scenes` world. Imports nothing else of this project."""
