// swift-tools-version: 6.2

import PackageDescription

let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "Apus", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "ApusWorker",
      dependencies: [
        .product(name: "Apus", package: "Apus"),
        .product(name: "Benchmarking", package: "Apus"),
      ]),
    .executableTarget(
      name: "Compare",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Benchmarking", package: "Apus"),
      ]
    ),
  ],
  swiftLanguageModes: [.v6]
)
