from external_page import example
from fakes import fakes_environment, fakes_folder

__all__ = ["example", "fakes_environment", "fakes_folder"]
