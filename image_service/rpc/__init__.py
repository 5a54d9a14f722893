"""Nameko's RPC, made to survive what reaches it: `rpc` and `transfer_rpc` mark the methods."""

from .entrypoint import rpc, transfer_rpc

__all__ = ["rpc", "transfer_rpc"]
