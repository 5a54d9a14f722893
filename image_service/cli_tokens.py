"""`image-service make-token`."""

from __future__ import annotations

import datetime as dt
import json
import secrets

import click

from .domain.tokens import SCOPES, TOKEN_BYTES, digest_of
from .domain.tokens import make_token as new_token


@click.command("make-token")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it allows; may be given several times. admin allows everything.",
)
@click.option(
    "--name", default="", help="Whose or what for, for people who read the configuration."
)
@click.option("--owner", default="", help="Whose quota its uploads count towards.")
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]), help="When it ends, UTC."
)
def make_token(scopes: tuple[str, ...], name: str, owner: str, expires: dt.datetime | None) -> None:
    """Print a new token, and on standard error what to add to `tokens` in config.yaml.

    The configuration holds its digest alone: nobody can read the token again.
    """
    token = new_token(secrets.token_bytes(TOKEN_BYTES))
    entry = {
        "name": name,
        "owner": owner,
        "scopes": [scope for scope in SCOPES if scope in scopes],
        "sha256": digest_of(token).hex(),
        "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ") if expires else "",
    }
    # JSON is YAML, and what the environment variable takes.
    line = json.dumps({key: value for key, value in entry.items() if value}, ensure_ascii=False)
    click.echo(token)
    click.echo(f"It is told once. Add to tokens in config.yaml:\n  - {line}", err=True)
