"""The image microservice for Nameko: upload, validate, store durably and serve pictures."""

__version__ = "0.1.0"
