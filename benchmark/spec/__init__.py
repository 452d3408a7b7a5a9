"""What a run is: its source, method, protocol and preset."""
