"""`python -m image_service` is `image-service`."""

from .cli import main

main(prog_name="image-service")
