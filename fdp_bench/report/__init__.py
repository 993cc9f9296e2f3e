"""What records say: tables, plots and film strips, remade from a run's files at any time."""
