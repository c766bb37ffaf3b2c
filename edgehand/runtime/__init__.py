"""What runs on the device: a picture and a model file in, hands out."""
