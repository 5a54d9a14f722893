"""Who may have an original, where not everybody may."""

from __future__ import annotations

from werkzeug.wrappers import Request

from ..domain.image import parse_image_ref
from ..domain.original_url import EXPIRES, SIGNATURE, SignedOriginals
from ..errors import Forbidden, Unauthorized
from .access import Access
from .caching import at_most

_PRIVATE = "private, no-cache"


class OriginalsGate:
    """Lets in who has a signed url, or a token or session that may read."""

    def __init__(
        self, signed: SignedOriginals | None, access: Access, *, cache_control: str
    ) -> None:
        """Args: signed: None where everybody may have originals."""
        self._signed = signed
        self._access = access
        self._cache_control = cache_control

    def admit(self, request: Request, image_id: str) -> str:
        """Return the answer's Cache-Control. Raises: InvalidImageId, Forbidden, Unauthorized."""
        if self._signed is None:
            return self._cache_control
        signature = request.args.get(SIGNATURE)
        if signature is None:
            self._check_caller(request)
            return _PRIVATE
        bare_id = parse_image_ref(image_id).id
        left_s = self._signed.left_s(bare_id, request.args.get(EXPIRES, ""), signature)
        return self._cache_control if left_s is None else at_most(self._cache_control, left_s)

    def _check_caller(self, request: Request) -> None:
        caller = self._access.caller(request)
        if caller is None or caller.token is None:
            raise Unauthorized("Originals are for signed URLs here: get one from get_image.")
        if not caller.may("read"):
            raise Forbidden("This token lacks the scope 'read'. Use one that has it.", "read")
