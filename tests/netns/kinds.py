"""Who does the work of the SAs, in gwctl's words."""

SOFTWARE, LOOK_ASIDE, INLINE_CRYPTO, FULL_PROTOCOL = KINDS = ("software", "look-aside", "inline-crypto", "full-protocol")
