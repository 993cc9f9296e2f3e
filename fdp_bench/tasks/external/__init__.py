"""Tasks made from other packages' Gymnasium environments by a task map."""
