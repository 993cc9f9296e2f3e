from fakes import fakes_environment, fakes_folder
from foreign_page import example

__all__ = ["example", "fakes_environment", "fakes_folder"]
