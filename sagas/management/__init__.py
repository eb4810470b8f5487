"""Management: the engine in the terminal."""
