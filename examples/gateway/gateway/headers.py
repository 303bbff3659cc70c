"""Which headers of an answer go back to the caller."""
from multidict import CIMultiDict

# Said between two neighbours, not from end to end (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(("connection", "keep-alive", "te", "trailer",
                        "transfer-encoding", "upgrade"))


def end_to_end(upstream):
    """The answer's headers without those of the last hop, doubles kept."""
    kept = CIMultiDict()
    for name, value in upstream:
        if name.lower() not in HOP_BY_HOP:
            kept.add(name, value)
    return kept
