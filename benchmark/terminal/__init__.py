"""What a person sees while stages are computed."""
