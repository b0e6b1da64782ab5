"""How a model is wired, read from the autograd graph of one training step.

The graph says what names cannot: which parameters an operation uses, which activation a layer's
output really reaches (whether `nn.Sigmoid`, ``torch.sigmoid`` or ``x.sigmoid()`` made it), what
stands between the last layer and the loss. Reading it costs nothing but the walk, and is done once
a run. Node names are those of torch's autograd functions without their suffix: ``sigmoid``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ACTIVATIONS", "Graph", "handwritten", "leaves", "operation"]

ACTIVATIONS: Mapping[str, str] = {
    "relu": "relu",
    "threshold": "relu",
    "hardtanh": "relu6",
    "leaky_relu": "leaky_relu",
    "prelu_kernel": "leaky_relu",
    "rrelu_with_noise": "leaky_relu",
    "elu": "elu",
    "celu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "silu",
    "hardswish": "silu",
    "softplus": "softplus",
    "sigmoid": "sigmoid",
    "hardsigmoid": "sigmoid",
    "log_sigmoid": "sigmoid",
    "tanh": "tanh",
    "softsign": "tanh",
    "softmax": "softmax",
    "exp": "exponential",
}
"""Autograd operation -> kind of activation."""

_LIMIT = 50_000  # nodes; a graph of that size is read only in part
_VIEWS = frozenset(
    {"view", "reshape_alias", "unsafe_view", "squeeze", "unsqueeze", "transpose", "permute", "t"}
    | {"expand", "slice", "select", "clone", "to_copy", "contiguous", "as_strided", "alias"}
    | {"index", "flatten", "unflatten"}
)


def operation(node: Any) -> str:
    """Return the operation of an autograd node: ``AddmmBackward0`` is ``addmm``."""
    name = re.sub(r"Backward\d*$", "", str(node.name()).rsplit("::", 1)[-1])
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def leaves(root: Any) -> list[Any]:
    """Return the leaf tensors that the graph under the node `root` reaches, nearest first."""
    found, seen, queue = [], {root}, deque([root])
    while queue and len(seen) < _LIMIT:
        node = queue.popleft()
        if (variable := getattr(node, "variable", None)) is not None:
            found.append(variable)
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                queue.append(child)
    return found


@dataclass
class Graph:
    """The graph under one loss: nodes towards the inputs, and for each what consumes it.

    Attributes:
        nodes: Nodes from the loss towards the inputs, each once.
        consumers: Node -> the nodes that use its output, nearer to the loss.
        owners: Node -> names of the layers whose parameters it uses directly.
    """

    nodes: list[Any] = field(default_factory=list)
    consumers: dict[Any, list[Any]] = field(default_factory=dict)
    owners: dict[Any, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Any, layers: Mapping[int, str]) -> Graph:
        """Walk the graph from the loss's ``grad_fn``.

        Args:
            root: The loss's autograd node.
            layers: id of a parameter -> name of the layer that owns it.
        """
        graph = cls()
        seen = {root}
        queue = deque([root])
        while queue and len(graph.nodes) < _LIMIT:
            node = queue.popleft()
            graph.nodes.append(node)
            for child, _ in node.next_functions:
                if child is None:
                    continue
                graph.consumers.setdefault(child, []).append(node)
                if child not in seen:
                    seen.add(child)
                    queue.append(child)
        for node in graph.nodes:
            variable = getattr(node, "variable", None)
            if variable is not None and id(variable) in layers:
                graph._own(node, layers[id(variable)])
        return graph

    def _own(self, leaf: Any, layer: str) -> None:
        """Attribute to `layer` the operations that use its parameter, behind casts and views."""
        stack, seen = [leaf], {leaf}
        while stack:
            for user in self.consumers.get(stack.pop(), ()):
                if user in seen:
                    continue
                seen.add(user)
                single = sum(child is not None for child, _ in user.next_functions) == 1
                if single and operation(user) in _VIEWS:
                    stack.append(user)
                elif layer not in self.owners.setdefault(user, []):
                    self.owners[user].append(layer)

    def from_the_right(self, parameter: Any) -> bool:
        """Return whether a matrix is multiplied as it stands, ``x @ w``: its units are columns."""
        leaf = next((n for n in self.nodes if getattr(n, "variable", None) is parameter), None)
        return any(
            operation(user) in ("mm", "addmm") and user.next_functions[-1][0] is leaf
            for user in self.consumers.get(leaf, ())
        )

    def uses(self, layer: str) -> list[Any]:
        """Return the operations that use the layer's parameters."""
        return [node for node, owners in self.owners.items() if layer in owners]

    def before_weights(self, matrices: Iterable[str]) -> set[Any]:
        """Return the nodes whose output goes on into some layer of `matrices`."""
        names = set(matrices)
        inner: set[Any] = set()
        # From the loss towards the inputs: a consumer is met before what it consumes only in a
        # tree, so walk down from every operation that uses one of the layers.
        stack = [node for node, owners in self.owners.items() if names.intersection(owners)]
        while stack:
            for child, _ in stack.pop().next_functions:
                if child is not None and child not in inner:
                    inner.add(child)
                    stack.append(child)
        return inner

    def next_activation(
        self, layer: str, norms: frozenset[str], matrices: frozenset[str]
    ) -> tuple[str | None, Any, bool, bool]:
        """Return what a layer's output reaches first.

        Returns:
            Kind of activation or None, its node, whether a normalization lies in between, and
            whether the output is added to something on the way (a residual connection).
        """
        queue = deque((node, False, False) for node in self.uses(layer))
        seen = {node for node, _, _ in queue}
        while queue:
            node, normalized, added = queue.popleft()
            for user in self.consumers.get(node, ()):
                if user in seen:
                    continue
                seen.add(user)
                kind = ACTIVATIONS.get(operation(user))
                if kind is not None:
                    return kind, user, normalized, added
                owners = self.owners.get(user, ())
                if any(owner in matrices and owner != layer for owner in owners):
                    return None, None, normalized, added
                norm = any(owner in norms for owner in owners) or "norm" in operation(user)
                joins = operation(user) == "add" and len(user.next_functions) == 2 and not owners
                queue.append((user, normalized or norm, added or joins))
        return None, None, False, False

    def feeds(self, node: Any) -> tuple[str, Any]:
        """Return the operation (and node) that produced the input of `node`, through views."""
        current = node
        for _ in range(64):
            children = [child for child, _ in current.next_functions if child is not None]
            if not children:
                return "", None
            current = children[0]
            if operation(current) not in _VIEWS:
                return operation(current), current
        return "", None

    def chain(self, matrices: frozenset[str]) -> list[str]:
        """Return the operations from the loss back to the last layer, the loss's own first."""
        layer_nodes = {n for n, owners in self.owners.items() if matrices.intersection(owners)}
        above = set(layer_nodes)
        stack = list(layer_nodes)
        while stack:
            new = [user for user in self.consumers.get(stack.pop(), ()) if user not in above]
            above.update(new)
            stack += new
        path: list[str] = []
        node = self.nodes[0] if self.nodes else None
        while node is not None and len(path) < 64:
            path.append(operation(node))
            if node in layer_nodes:
                break
            node = next((child for child, _ in node.next_functions if child in above), None)
        return path


def handwritten(loss: Any, output: Any) -> tuple[str, Any, Any] | None:
    """Return what a loss such as ``((output - y) ** 2).mean()`` compares, read from its graph.

    Args:
        loss: The loss, a scalar tensor.
        output: What the last layer put out.

    Returns:
        The function of torch.nn.functional that says the same, predictions and targets, or None:
        also where something else than an activation comes between the layer and the difference.
    """
    node = loss.grad_fn
    for _ in range(6):
        if node is None:
            return None
        name = operation(node)
        if name in ("pow", "abs", "mul"):
            break
        children = [child for child, _ in node.next_functions if child is not None]
        if name not in ("mean", "sum", "div", "sqrt", "squeeze", "view") or len(children) != 1:
            return None
        node = children[0]
    else:
        return None
    difference = getattr(node, "_saved_self", None)
    if difference is None or output is None:
        return None
    if name == "pow" and getattr(node, "_saved_exponent", None) != 2:
        return None
    if name == "mul":
        other = getattr(node, "_saved_other", None)
        if other is None or other.data_ptr() != difference.data_ptr():
            return None
    below = next((child for child, _ in node.next_functions if child is not None), None)
    if below is None or operation(below) != "sub" or difference.numel() != output.numel():
        return None
    # The first operand of the subtraction is the output, unless it has no graph.
    ahead = below.next_functions[0][0] is not None
    maker = below.next_functions[0 if ahead else 1][0]
    while maker is not None and operation(maker) in _VIEWS:
        maker = next((child for child, _ in maker.next_functions if child is not None), None)
    if maker is not None and operation(maker) in ACTIVATIONS:
        output = getattr(maker, "_saved_result", None)
        if output is None or output.numel() != difference.numel():
            return None
    prediction = output.detach().reshape(difference.shape)
    difference = difference.detach()
    target = prediction - difference if ahead else prediction + difference
    return ("l1_loss" if name == "abs" else "mse_loss"), prediction, target
