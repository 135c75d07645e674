"""What a person sees and drags."""
