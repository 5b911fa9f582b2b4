"""Checks ONNX models and runs them.

    python3 check_models.py FOLDER

FOLDER has NAME.onnx and NAME.input (little-endian float32, row-major) for each model. Each model is
checked by onnx.checker, shapes included, and run by onnxruntime on batches of every size that the
lengths of NAME.input give: the whole and the first example alone. NAME.output and NAME.first get
the outputs.
"""

import pathlib
import sys

import numpy
import onnx
import onnxruntime

options = onnxruntime.SessionOptions()
options.log_severity_level = 3
options.intra_op_num_threads = 1
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"])
        declared = session.get_inputs()[0].shape
        values = numpy.fromfile(path.with_suffix(".input"), dtype="<f4")
        batch = values.reshape([-1] + declared[1:])
        for suffix, examples in ((".output", batch), (".first", batch[:1])):
            (output,) = session.run(["output"], {"input": examples})
            assert output.dtype == numpy.float32, output.dtype
            assert list(output.shape[1:]) == session.get_outputs()[0].shape[1:], (
                f"{output.shape} is not {session.get_outputs()[0].shape}")
            output.astype("<f4").tofile(path.with_suffix(suffix))
    except Exception as error:  # What is wrong with one model must not hide the others.
        path.with_suffix(".error").write_text(f"{type(error).__name__}: {error}")
