"""Which cuts of a recording are of the same voice: Ward's hierarchy of their embeddings, cut where voices differ.

Source: J. H. Ward, "Hierarchical grouping to optimize an objective function", 1963; with the update of Lance and
Williams.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.diarization.turns import SpeakerCount

_CHANCE_S = 0.5
"""What a group of one second is less like its own voice than a long one; one of two seconds half of it, and so on: the
hierarchy sets apart the cuts that happen to differ most. Two seconds of a voice have 0.49 and more, three 0.63."""
_FAINTEST = 0.1
"""Least cosine that cuts of one voice are taken to have with each other."""
_OF_ONE_CUT = 0.5
"""What a cut is taken to have with others of its voice, where there are none."""
_LEAST_S = 4.0
_LEAST_SHARE = 0.1
"""A voice of its own is heard so long, or in this share of all: two cuts that are like nothing else are noise."""
_MOST_CLUSTERED = 1_500
"""Cuts of which the hierarchy is made, about an hour of speech: its memory grows with their square."""


Embeddings = NDArray[np.float32]
"""One row a cut, each of length 1."""


@dataclass(frozen=True, slots=True)
class _Node:
    """Cuts that were joined."""

    members: NDArray[np.intp]
    halves: tuple["_Node", "_Node"] | None = None
    cost: float = 0.0
    """What joining the halves added to the sum of squares within groups."""


def voices_of(
    embeddings: Embeddings, seconds: NDArray[np.float64], speakers: SpeakerCount, same_voice: float
) -> Embeddings:
    """The mean embedding of each voice, as many rows as voices, each of length 1.

    `seconds` is each cut's length, `same_voice` the cosine of two long groups of cuts from which they are one voice.
    There are as many voices as asked for, where there are so many cuts.
    """
    chosen = np.unique(np.linspace(0, len(embeddings) - 1, min(len(embeddings), _MOST_CLUSTERED)).astype(np.intp))
    embeddings, seconds = embeddings[chosen], seconds[chosen]
    centres = _means(embeddings, _groups(embeddings, seconds, speakers, same_voice))
    labels = likeness(embeddings, centres).argmax(axis=1)
    if len(np.unique(labels)) < len(centres):
        return centres
    return _means(embeddings, [np.flatnonzero(labels == label) for label in range(len(centres))])


def _means(embeddings: Embeddings, groups: Sequence[NDArray[np.intp]]) -> Embeddings:
    """One row a group, of length 1."""
    means = np.stack([embeddings[group].mean(axis=0) for group in groups])
    unit: Embeddings = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def likeness(embeddings: Embeddings, centres: Embeddings) -> Embeddings:
    """Cosines, one row a cut and one column a voice."""
    cosines: Embeddings = embeddings @ centres.T
    return cosines


def _groups(
    embeddings: Embeddings, seconds: NDArray[np.float64], speakers: SpeakerCount, same_voice: float
) -> list[NDArray[np.intp]]:
    """The cuts of each voice; those that are like no voice are in none."""
    fewest, most = speakers.bounds
    least_s = min(_LEAST_S, _LEAST_SHARE * float(seconds.sum()))
    open_nodes = [_hierarchy(embeddings)]
    groups: list[NDArray[np.intp]] = []
    while open_nodes:
        node = open_nodes.pop(max(range(len(open_nodes)), key=lambda place: open_nodes[place].cost))
        count = len(open_nodes) + len(groups) + 1
        if node.halves is None or count >= most:
            groups.append(node.members)
            continue
        if count < fewest:
            open_nodes += node.halves
            continue
        one, other = sorted(node.halves, key=lambda half: float(seconds[half.members].sum()))
        heard_s = float(seconds[one.members].sum())
        if _group_likeness(embeddings[one.members], embeddings[other.members]) >= same_voice - _CHANCE_S / heard_s:
            groups.append(node.members)
        elif heard_s >= least_s:
            open_nodes += node.halves
        else:
            open_nodes.append(other)
    return groups


def _group_likeness(one: Embeddings, other: Embeddings) -> float:
    """Cosine of two voices, as it would be without what differs from cut to cut: short cuts have smaller ones."""
    between = float(one.mean(axis=0) @ other.mean(axis=0))
    return between / math.sqrt(_cohesion(one) * _cohesion(other))


def _cohesion(group: Embeddings) -> float:
    """Mean cosine of two cuts of a group."""
    count = len(group)
    if count == 1:
        return _OF_ONE_CUT
    total = group.sum(axis=0)
    return max(_FAINTEST, (float(total @ total) - count) / (count * (count - 1)))


def _hierarchy(embeddings: Embeddings) -> _Node:
    """All cuts, joined two groups at a time, the cheapest first."""
    count = len(embeddings)
    nodes: list[_Node] = [_Node(np.array([cut])) for cut in range(count)]
    sizes, alive = np.ones(count), np.ones(count, bool)
    costs = (1.0 - likeness(embeddings, embeddings)).astype(np.float64)
    np.fill_diagonal(costs, np.inf)
    for _ in range(count - 1):
        one, other = divmod(int(costs.argmin()), count)
        cost = float(costs[one, other])
        joined = (sizes[one] + sizes) * costs[one] + (sizes[other] + sizes) * costs[other] - sizes * cost
        alive[other] = False
        joined = np.where(alive, joined / (sizes[one] + sizes[other] + sizes), np.inf)
        joined[one] = np.inf
        costs[one], costs[:, one] = joined, joined
        costs[other], costs[:, other] = np.inf, np.inf
        members = np.concatenate([nodes[one].members, nodes[other].members])
        nodes[one] = _Node(members, (nodes[one], nodes[other]), cost)
        sizes[one] += sizes[other]
    return nodes[int(np.flatnonzero(alive)[0])]
