"""Where images come from: published folders, a user's folder, phantoms."""
