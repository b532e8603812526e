"""The ways to run a model that the API has."""
