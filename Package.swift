// swift-tools-version: 6.2
import PackageDescription

/// The settings of every Swift target: explicit existentials, explicit imports, warnings are errors.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// A Swift module in the folder `Sources/<path>`.
func module(
    _ name: String, at path: String, uses: [Target.Dependency], exclude: [String] = []
) -> Target {
    .target(
        name: name, dependencies: uses, path: "Sources/\(path)", exclude: exclude,
        swiftSettings: strict)
}

/// The tests of one module, in `Tests/<path>`. All of them may use `TestSupport`.
func tests(_ name: String, at path: String, uses: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: uses + ["TestSupport"], path: "Tests/\(path)",
        swiftSettings: strict)
}

/// A control-plane domain and its tests. A domain never lists another domain.
func domain(_ name: String, uses libraries: [Target.Dependency]) -> [Target] {
    [
        module(
            name, at: "ControlPlane/Domains/\(name)",
            uses: ["SharedModels", "Platform"] + libraries,
            exclude: ["README.md"]),
        tests(
            "\(name)Tests", at: "ControlPlane/\(name)Tests",
            uses: [.target(name: name), "SharedModels", "Platform"] + libraries),
    ]
}

/// An executable in the folder `Sources/<path>`.
func executable(_ name: String, at path: String, uses: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: uses, path: "Sources/\(path)", swiftSettings: strict)
}

/// A C library of the distribution, found through pkg-config.
func system(_ name: String, at path: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(
        name: name, path: "Sources/\(path)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let vocabulary: [Target] = [
    module("SharedModels", at: "SharedModels", uses: []),
    tests("SharedModelsTests", at: "SharedModelsTests", uses: ["SharedModels"]),
]

let platform: [Target] = [
    .target(
        name: "CLinux", path: "Sources/Platform/CLinux", cSettings: [.define("_GNU_SOURCE")]),
    module("Platform", at: "Platform/Platform", uses: ["CLinux", "SharedModels"]),
    system(
        "CMosquitto", at: "Platform/CMosquitto", pkgConfig: "libmosquitto",
        apt: "libmosquitto-dev"),
    module(
        "MQTT", at: "Platform/MQTT", uses: ["CMosquitto", "CLinux", "Platform", "SharedModels"]),
    .target(
        name: "COpenSSL", path: "Sources/Platform/COpenSSL",
        linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .target(
        name: "CSodium", path: "Sources/Platform/CSodium",
        linkerSettings: [.linkedLibrary("sodium")]),
    module(
        "Crypto", at: "Platform/Crypto",
        uses: ["COpenSSL", "CSodium", "Platform", "SharedModels"]),
    .target(
        name: "CBeast", path: "Sources/Platform/CBeast",
        linkerSettings: [.linkedLibrary("stdc++")]),
    module("HTTPMessage", at: "Platform/HTTPMessage", uses: ["CBeast"]),
    module(
        "HTTPClient", at: "Platform/HTTPClient",
        uses: ["HTTPMessage", "CLinux", "Platform", "Crypto"]),
    tests("PlatformTests", at: "PlatformTests", uses: ["Platform", "CLinux", "SharedModels"]),
    tests("MQTTTests", at: "MQTTTests", uses: ["MQTT", "Platform", "SharedModels"]),
    tests("CryptoTests", at: "CryptoTests", uses: ["Crypto", "Platform", "SharedModels"]),
]

let libraries: [Target] = [
    system(
        "CPostgres", at: "ControlPlane/Libraries/CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
    module(
        "Postgres", at: "ControlPlane/Libraries/Postgres",
        uses: ["CPostgres", "CLinux", "Platform", "SharedModels"]),
    .target(
        name: "CWslay", path: "Sources/ControlPlane/Libraries/CWslay",
        linkerSettings: [.linkedLibrary("wslay")]),
    module(
        "HTTP", at: "ControlPlane/Libraries/HTTP",
        uses: ["HTTPMessage", "CWslay", "CLinux", "Platform", "Crypto", "SharedModels"]),
    tests(
        "PostgresTests", at: "LibrariesTests/PostgresTests",
        uses: ["Postgres", "Schema", "CLinux", "Platform", "SharedModels"]),
    tests(
        "HTTPTests", at: "LibrariesTests/HTTPTests",
        uses: ["HTTP", "HTTPMessage", "HTTPClient", "Platform", "Crypto", "SharedModels", "CLinux"]),
]

let controlPlane: [Target] =
    domain("Accounts", uses: ["Postgres", "HTTP", "Crypto"])
    + domain("Devices", uses: ["Postgres", "HTTP", "MQTT", "Crypto"])
    + domain("Rules", uses: ["Postgres", "HTTP"])
    + domain("Live", uses: ["Postgres", "HTTP", "CDeflate"])
    + [
        .target(
            name: "CDeflate", path: "Sources/ControlPlane/Libraries/CDeflate",
            linkerSettings: [.linkedLibrary("deflate")]),
        .target(
            name: "CSchema", path: "Sources/ControlPlane/Database/CSchema",
            cSettings: [.unsafeFlags(["-std=c2x"])]),
        module("Schema", at: "ControlPlane/Database/Schema", uses: ["CSchema", "Postgres"]),
        .target(
            name: "CWeb", path: "Sources/ControlPlane/Web/CWeb",
            cSettings: [.unsafeFlags(["-std=c2x"])]),
        executable(
            "cuelight", at: "ControlPlane/App",
            uses: [
                "SharedModels", "Platform", "MQTT", "Crypto", "HTTPClient", "Postgres", "HTTP",
                "Schema", "CWeb",
                "CLinux", "Accounts", "Devices", "Rules", "Live",
            ]),
    ]

let edge: [Target] = [
    .target(
        name: "FirmwareCore", path: "Sources/Firmware/Core", sources: ["src"],
        publicHeadersPath: "src"),
    system("CSQLite", at: "EdgeAgent/CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
    system("CUdev", at: "EdgeAgent/CUdev", pkgConfig: "libudev", apt: "libudev-dev"),
    module("Udev", at: "EdgeAgent/Udev", uses: ["CUdev"]),
    system("CGPIO", at: "EdgeAgent/CGPIO", pkgConfig: "libgpiod", apt: "libgpiod-dev"),
    module("GPIO", at: "EdgeAgent/GPIO", uses: ["CGPIO"]),
    module("Firmata", at: "EdgeAgent/Firmata", uses: []),
    module(
        "Hardware", at: "EdgeAgent/Hardware",
        uses: ["FirmwareCore", "Udev", "CLinux", "Platform", "SharedModels"]),
    module(
        "Agent", at: "EdgeAgent/Agent",
        uses: [
            "CSQLite", "Hardware", "Firmata", "GPIO", "MQTT", "Crypto", "CLinux", "Platform",
            "SharedModels",
        ]),
    executable(
        "cuelight-agent", at: "EdgeAgent/App",
        uses: ["Agent", "Hardware", "HTTPClient", "Platform", "SharedModels"]),
    tests(
        "EdgeAgentTests", at: "EdgeAgentTests",
        uses: [
            "Agent", "Hardware", "Firmata", "FirmwareCore", "MQTT", "Crypto", "CLinux", "Platform",
            "SharedModels",
        ]),
    tests(
        "FirmwareTests", at: "FirmwareTests", uses: ["FirmwareCore", "Hardware", "SharedModels"]),
]

let wholes: [Target] = [
    .target(
        name: "TestSupport",
        dependencies: ["CLinux", "Platform", "Postgres", "Schema", "MQTT", "SharedModels"],
        path: "Tests/Support", swiftSettings: strict),
    tests(
        "AppTests", at: "AppTests",
        uses: [
            "cuelight", "Accounts", "Devices", "HTTP", "MQTT", "Platform", "Postgres",
            "SharedModels",
        ]),
    tests("TidyTests", at: "TidyTests", uses: []),
    executable(
        "cuelight-bench", at: "Bench",
        uses: [
            "SharedModels", "Platform", "MQTT", "Crypto", "Postgres", "HTTP", "Rules", "Live",
            "Agent", "CLinux", "TestSupport",
        ]),
]

let package = Package(
    name: "Cuelight",
    targets: vocabulary + platform + libraries + controlPlane + edge + wholes,
    swiftLanguageModes: [.v6], cLanguageStandard: .c11, cxxLanguageStandard: .cxx17)
