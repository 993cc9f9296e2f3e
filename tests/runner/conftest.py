from external_page import example
from fakes import fakes, fakes_environment, fakes_folder

__all__ = ["example", "fakes", "fakes_environment", "fakes_folder"]
