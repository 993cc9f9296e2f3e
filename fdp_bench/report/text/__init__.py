"""Tables as terminal text, Markdown and LaTeX."""
