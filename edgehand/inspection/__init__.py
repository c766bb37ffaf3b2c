"""Looking into a model file or a checkpoint: its operations, what is integer, what it weighs."""
