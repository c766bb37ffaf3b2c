"""What quantization costs and brings: every artifact on the same hands, by turns, in one report."""
