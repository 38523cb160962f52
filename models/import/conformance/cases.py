"""Writes cases: NAME.onnx, NAME.safetensors with the logits that onnxruntime has for Linnet's noise images, and cases.json.

What onnxruntime has no kernel for is computed by the reference implementation of the `onnx` package.
"""

import json
import pathlib

import noise
import numpy as np
import onnx
import onnx.reference
import onnxruntime
from safetensors.numpy import save_file


def before_softmax(model):
    """The model with the input of a last Softmax or LogSoftmax as its output, since Linnet answers logits."""
    made = {name: node for node in model.graph.node for name in node.output}
    name = model.graph.output[0].name
    while name in made and made[name].op_type == "Identity":
        name = made[name].input[0]
    if name not in made or made[name].op_type not in ("Softmax", "LogSoftmax"):
        return None
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    cut.graph.output[0].name = made[name].input[0]
    cut.graph.output[0].type.tensor_type.ClearField("shape")
    return cut.SerializeToString()


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # What the file says, and no fusion's idea of it.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answers(path, shape, count):
    """A row of logits for each of the first images, and how much rows differ as a share of the largest."""
    small = path.stat().st_size < 1 << 30
    model = small and before_softmax(onnx.load(path, load_external_data=False)) or str(path)
    run = session(model)
    name = run.get_inputs()[0].name
    kind = {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(run.get_inputs()[0].type, np.float32)
    rows = []
    for image in noise.images(shape, count):
        inputs = {name: image[None].astype(kind)}
        try:
            outputs = run.run(None, inputs)
        except Exception as error:  # onnxruntime's own kinds of errors have no common base
            if "not supported" not in str(error):
                raise
            run = onnx.reference.ReferenceEvaluator(onnx.load_from_string(model) if isinstance(model, bytes) else model)
            outputs = run.run(None, inputs)
        rows.append(np.asarray(outputs[0]).astype(np.float32).reshape(-1))
    rows = np.stack(rows)
    spread = np.abs(rows - rows[:1]).max() / max(float(np.abs(rows).max()), 1e-30)
    return rows, float(spread)


class Cases:
    """The cases of one folder."""

    def __init__(self, out):
        self.out = pathlib.Path(out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.list = self.out / "cases.json"
        self.cases = {case["name"]: case for case in json.loads(self.list.read_text())} if self.list.exists() else {}

    def add(self, name, group, model, shape, count=4, note="", external=False):
        """Adds a model, or the file NAME.onnx that somebody else wrote."""
        path = self.out / f"{name}.onnx"
        case = {"name": name, "group": group, "file": path.name, "shape": list(shape), "note": note}
        if model is not None:
            if external:
                onnx.save(model, str(path), save_as_external_data=True, location=f"{name}.data", size_threshold=0)
            else:
                onnx.save(model, str(path))
        try:
            rows, spread = answers(path, shape, count)
            save_file({"logits": rows}, self.out / f"{name}.safetensors")
            case |= {
                "expected": f"{name}.safetensors",
                "classes": rows.shape[1],
                "outcome": "logits" if np.isfinite(rows).all() else "not finite",
                "largest": float(np.abs(rows).max()),
                "spread": round(spread, 6),
            }
        except Exception as error:  # onnxruntime's own kinds of errors have no common base
            case |= {"expected": None, "classes": 10, "outcome": f"error: {str(error).splitlines()[0].replace(str(path), path.name)[:200]}"}
        self.cases[name] = case
        return case

    def drop(self, name):
        """Removes a case."""
        del self.cases[name]
        (self.out / f"{name}.onnx").unlink()

    def write(self):
        self.list.write_text(json.dumps(list(self.cases.values()), indent=1) + "\n")
