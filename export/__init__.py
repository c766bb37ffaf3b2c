"""Export: checkpoint in, quantized and checked model file out."""
