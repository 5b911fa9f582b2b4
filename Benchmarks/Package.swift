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
    .target(name: "Cases"),
    .executableTarget(
      name: "ApusWorker", dependencies: ["Cases", .product(name: "Apus", package: "Apus")]),
    .executableTarget(
      name: "Compare",
      dependencies: [
        "Cases", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
  ],
  swiftLanguageModes: [.v6]
)
