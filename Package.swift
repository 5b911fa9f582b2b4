// swift-tools-version: 6.2

import PackageDescription

let package = Package(
  name: "Apus",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Apus", targets: ["Apus"]),
    .library(name: "GradientChecking", targets: ["GradientChecking"]),
    .library(name: "ONNX", targets: ["ONNX"]),
    .library(name: "OpenCLRuntime", targets: ["OpenCLRuntime"]),
    .library(name: "Benchmarking", targets: ["Benchmarking"]),
    .executable(name: "apus", targets: ["ApusCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // MARK: - The device

    .systemLibrary(
      name: "COpenCL",
      pkgConfig: "OpenCL",
      providers: [.apt(["ocl-icd-opencl-dev", "opencl-headers"])]
    ),
    .target(name: "OpenCLRuntime", dependencies: ["COpenCL"]),

    // MARK: - The backends

    .target(
      name: "Compute",
      dependencies: [.product(name: "RealModule", package: "swift-numerics")]
    ),
    .target(
      name: "ReferenceBackend",
      dependencies: ["Compute", .product(name: "RealModule", package: "swift-numerics")]
    ),
    .target(
      name: "OpenCLBackend",
      dependencies: [
        "Compute", "OpenCLRuntime", .product(name: "Logging", package: "swift-log"),
      ]
    ),

    // MARK: - Networks

    .target(
      name: "Tensors",
      dependencies: [
        "Compute", "ReferenceBackend", "OpenCLBackend",
        .product(name: "Logging", package: "swift-log"),
      ]
    ),
    .target(
      name: "NeuralNetworks",
      dependencies: [
        "Tensors", "Compute",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "OrderedCollections", package: "swift-collections"),
      ]
    ),
    .target(
      name: "GradientChecking",
      dependencies: [
        "NeuralNetworks", "Tensors", "Compute",
        .product(name: "OrderedCollections", package: "swift-collections"),
      ]
    ),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "Datasets",
      dependencies: [
        "NeuralNetworks", "Tensors", "Compute", "CZlib",
        .product(name: "OrderedCollections", package: "swift-collections"),
      ]
    ),
    .target(
      name: "Benchmarking",
      dependencies: [
        "NeuralNetworks", "Tensors", "Compute",
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(
      name: "ONNX",
      dependencies: [
        "NeuralNetworks", "Tensors", "Compute",
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Protocol/README.md", "Protocol/onnx.proto"]
    ),
    .target(name: "Lab", dependencies: ["NeuralNetworks", "Tensors", "Compute"]),
    .target(
      name: "Apus",
      dependencies: ["Compute", "Tensors", "NeuralNetworks", "GradientChecking", "Datasets", "Lab"]
    ),
    .executableTarget(
      name: "ApusCommand",
      dependencies: [
        "Compute", "Tensors", "NeuralNetworks", "GradientChecking", "Datasets", "Lab",
        "Benchmarking", "ONNX",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "Yams", package: "Yams"),
      ]
    ),

    // MARK: - Examples

    .executableTarget(
      name: "VectorAdd", dependencies: ["OpenCLRuntime"], path: "Examples/VectorAdd"),

    // MARK: - Tests

    .target(
      name: "TestSupport",
      dependencies: ["Compute", "Tensors", "NeuralNetworks"],
      path: "Tests/TestSupport"
    ),
    .testTarget(name: "OpenCLRuntimeTests", dependencies: ["OpenCLRuntime", "COpenCL"]),
    .testTarget(name: "ComputeTests", dependencies: ["Compute"]),
    .testTarget(
      name: "ReferenceBackendTests", dependencies: ["ReferenceBackend", "Compute"]),
    .testTarget(
      name: "OpenCLBackendTests",
      dependencies: ["OpenCLBackend", "ReferenceBackend", "OpenCLRuntime", "COpenCL", "Compute"]),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors", "Compute", "TestSupport"]),
    .testTarget(
      name: "NeuralNetworksTests",
      dependencies: ["NeuralNetworks", "Tensors", "Compute", "TestSupport"]),
    .testTarget(
      name: "GradientCheckingTests",
      dependencies: ["GradientChecking", "NeuralNetworks", "Tensors", "Compute", "TestSupport"]),
    .testTarget(
      name: "DatasetsTests",
      dependencies: ["Datasets", "NeuralNetworks", "Tensors", "Compute", "TestSupport"]),
    .testTarget(
      name: "ONNXTests",
      dependencies: ["ONNX", "NeuralNetworks", "Tensors", "Compute", "TestSupport"],
      exclude: ["check_models.py"]),
    .testTarget(
      name: "BenchmarkingTests",
      dependencies: ["Benchmarking", "NeuralNetworks", "Tensors", "Compute", "TestSupport"]),
    .testTarget(
      name: "LabTests",
      dependencies: ["Lab", "NeuralNetworks", "Tensors", "Compute", "TestSupport"]),
    .testTarget(
      name: "ApusCommandTests",
      dependencies: [
        "ApusCommand", "GradientChecking", "Datasets", "NeuralNetworks", "Tensors", "Compute",
        "TestSupport",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// Every Swift target sees only what it imports, and exports only what it says.
for target in package.targets where target.type != .system {
  target.swiftSettings =
    (target.swiftSettings ?? []) + [
      .enableUpcomingFeature("ExistentialAny"),
      .enableUpcomingFeature("InternalImportsByDefault"),
      .enableUpcomingFeature("MemberImportVisibility"),
    ]
}
