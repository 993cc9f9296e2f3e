from training_fakes import data, learners, learners_folder, plan

__all__ = ["data", "learners", "learners_folder", "plan"]
