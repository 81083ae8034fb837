"""DKIM (RFC 6376, RFC 8301, RFC 8463) and ARC (RFC 8617) of mail that comes in, over our resolver."""

from gateway.services.dkim.verifier import Verifier
from gateway.services.dkim.words import ArcChain, ArcSet, Signature

__all__ = ["ArcChain", "ArcSet", "Signature", "Verifier"]
