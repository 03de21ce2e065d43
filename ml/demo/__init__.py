"""Builds the demo model: a tiny Qwen2.5-VL trained on drawings that this project draws itself."""
