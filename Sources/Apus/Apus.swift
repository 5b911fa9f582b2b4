@_exported import Compute
@_exported import Datasets
@_exported import GradientChecking
@_exported import Lab
@_exported import NeuralNetworks
@_exported import Tensors
