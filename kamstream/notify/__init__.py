"""The notifier: who is told of an alert, when, and in which words."""
