from foreign_page import example

__all__ = ["example"]
