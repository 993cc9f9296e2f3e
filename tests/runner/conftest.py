from fakes import fakes, fakes_environment, fakes_folder
from foreign_page import example

__all__ = ["example", "fakes", "fakes_environment", "fakes_folder"]
