"""What several tests share: made images, made records, a browser, a server."""
