"""What every generator is: its base class, its settings, the registry, a user's own."""
