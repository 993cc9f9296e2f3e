from fakes import fakes, fakes_environment, fakes_folder

__all__ = ["fakes", "fakes_environment", "fakes_folder"]
