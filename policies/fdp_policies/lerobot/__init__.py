"""Policies trained with LeRobot."""
