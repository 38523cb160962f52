"""Small classifier graphs in ONNX, a node at a time."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

onnxruntime.set_default_logger_severity(4)


class Net:
    """A graph that begins with one image; weights are random, of a seed."""

    def __init__(self, seed=1, shape=(3, 8, 8), opset=17, batch=1, ir=8, kind=TensorProto.FLOAT):
        self.random = np.random.default_rng(seed)
        self.shape, self.opset, self.batch, self.ir, self.kind = tuple(shape), opset, batch, ir, kind
        self.nodes, self.weights, self.weights_are_inputs = [], [], False
        self.x, self.out_kind = "image", None

    def weight(self, array):
        """Name of a constant."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def normal(self, *shape, scale=1.0, shift=0.0):
        return (shift + scale * self.random.standard_normal(shape)).astype(np.float32)

    def op(self, kind, *inputs, outputs=1, **attributes):
        """Appends an operator; arrays among its inputs become constants. Returns its output, or all of several."""
        names = [x if isinstance(x, str) else self.weight(x) for x in inputs]
        made = [f"{kind.lower()}{len(self.nodes)}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, made, name=f"{kind}_{len(self.nodes)}", **attributes))
        return made[0] if outputs == 1 else made

    def extents(self, name):
        """Shape of a value for one image: what is there so far is run, or else inferred."""
        model = self.model(name, typed=False)
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
            kind = helper.tensor_dtype_to_np_dtype(self.kind)
            return list(session.run([name], {"image": np.zeros((1, *self.shape), kind)})[0].shape)
        except Exception:  # the types do not fit yet, or onnxruntime lacks the operator
            inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
            for value in [*inferred.value_info, *inferred.output, *inferred.input]:
                if value.name == name and value.type.tensor_type.HasField("shape"):
                    return [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
            raise

    def conv(self, x, out, kernel=3, bias=True, group=1, pads=None, dense=True, **attributes):
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        channels = self.extents(x)[1]
        scale = (2 / (channels // group * rows * columns)) ** 0.5
        weight = self.normal(out, channels // group, rows, columns, scale=scale)
        if pads is None and "auto_pad" not in attributes:
            pads = [rows // 2, columns // 2, (rows - 1) // 2, (columns - 1) // 2]
        if pads is not None:
            attributes["pads"] = pads
        inputs = [weight] + ([self.normal(out, scale=0.3)] if bias else [])
        return self.op("Conv", x, *inputs, group=group, kernel_shape=[rows, columns], **attributes)

    def norm(self, x, **attributes):
        c = self.extents(x)[1]
        variance = self.random.uniform(0.4, 1.5, c).astype(np.float32)
        weights = [self.normal(c, scale=0.2, shift=1), self.normal(c, scale=0.3), self.normal(c, scale=0.3), variance]
        return self.op("BatchNormalization", x, *weights, **attributes)

    def dense(self, x, out=10, **attributes):
        """A Gemm of what is flattened already."""
        inputs = self.extents(x)[-1]
        weight = self.normal(out, inputs, scale=inputs**-0.5)
        return self.op("Gemm", x, weight, self.normal(out, scale=0.3), **{"transB": 1} | attributes)

    def head(self, x, out=10):
        """All elements, each with weights of its own, so that their order matters."""
        return self.dense(self.op("Flatten", x), out)

    def ints(self, *values):
        return self.weight(np.array(values, np.int64))

    def model(self, output, typed=True):
        """The finished model."""
        image = helper.make_tensor_value_info("image", self.kind, [self.batch if typed else 1, *self.shape])
        if typed:
            try:
                dims = self.extents(output)
            except Exception:  # of a file that is wrong on purpose
                dims = None
            if dims and dims[0] == 1:
                dims[0] = self.batch
            out = helper.make_tensor_value_info(output, self.out_kind or self.kind, dims)
        else:
            out = onnx.ValueInfoProto(name=output)
        inputs = [image]
        if self.weights_are_inputs:
            inputs += [helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in self.weights]
        graph = helper.make_graph(self.nodes, "net", inputs, [out], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=self.ir)
