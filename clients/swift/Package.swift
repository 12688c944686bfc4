// swift-tools-version: 5.9

import PackageDescription

let package = Package(
    name: "BOSClient",
    platforms: [.visionOS(.v1), .iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "BOSClient", targets: ["BOSClient"])
    ],
    targets: [
        .target(
            name: "BOSClient",
            swiftSettings: [.enableExperimentalFeature("StrictConcurrency")]
        ),
        .executableTarget(
            name: "bos-conformance",
            dependencies: ["BOSClient"],
            path: "Conformance",
            swiftSettings: [.enableExperimentalFeature("StrictConcurrency")]
        ),
    ]
)
