"""Projects of any size to measure: wide, layered, a chain of steps, a chain of helpers."""
from pathlib import Path
from typing import Callable, Dict, List

#: steps a module, helpers a module
PART = 250
WIDTH = 20


def layered_upstreams(number: int, total: int) -> List[int]:
    """Each step reads two of the layer before its own; a layer is `total` / 20 wide."""
    width = max(total // WIDTH, 1)
    layer, place = divmod(number, width)
    return [] if layer == 0 else sorted({(layer - 1) * width + place, (layer - 1) * width + (place + 1) % width})


def wide_upstreams(number: int, total: int) -> List[int]:
    return []


def chain_upstreams(number: int, total: int) -> List[int]:
    return [number - 1] if number else []


SHAPES: Dict[str, Callable[[int, int], List[int]]] = {
    "wide": wide_upstreams, "layered": layered_upstreams, "chain": chain_upstreams,
}


def make(root: Path, shape: str, total: int) -> None:
    """Write a project of `total` trivial steps, each with a literal of its own and one shared helper."""
    (root / "helpers.py").write_text("def trim(value):\n    return value % 1000\n")
    parts = []
    for start in range(0, total, PART):
        lines = ["from deepwatch_flow import step", "from helpers import trim", ""]
        for number in range(start, min(start + PART, total)):
            upstreams = [f"s{other}" for other in SHAPES[shape](number, total)]
            terms = " + ".join([str(number), *upstreams])
            lines += ["", "@step", f"def s{number}({', '.join(upstreams)}):", f"    return trim({terms})", ""]
        (root / f"part{start // PART}.py").write_text("\n".join(lines))
        parts.append(f"import part{start // PART}\n")
    (root / "pipeline.py").write_text("".join(parts))


def edit(root: Path, total: int) -> None:
    """Change the middle step so that it has to run; its value stays, so nothing else does."""
    number = total // 2
    path = root / f"part{number // PART}.py"
    text = path.read_text()
    path.write_text(text.replace(f"trim({number}", f"trim(1000 + {number}", 1))


def make_helper_chain(root: Path, depth: int) -> None:
    """Write one step over a chain of `depth` helpers, each calling the next, over several modules."""
    for start in range(0, depth, PART):
        end = min(start + PART, depth)
        lines = [] if end == depth else [f"from chain{end // PART} import h{end}", ""]
        for number in range(start, end):
            deeper = "0" if number == depth - 1 else f"h{number + 1}(deep)"
            lines += ["", f"def h{number}(deep):", f"    return {number} + ({deeper} if deep else 0)", ""]
        (root / f"chain{start // PART}.py").write_text("\n".join(lines))
    (root / "pipeline.py").write_text("from chain0 import h0\nfrom deepwatch_flow import step\n\n\n"
                                      "@step\ndef total():\n    return h0(False)\n")


def edit_helper_chain(root: Path, depth: int) -> None:
    """Change the last helper of the chain."""
    path = root / f"chain{(depth - 1) // PART}.py"
    text = path.read_text()
    path.write_text(text.replace(f"return {depth - 1} +", f"return {depth} +", 1))
