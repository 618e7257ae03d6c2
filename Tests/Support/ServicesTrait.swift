import Glibc
package import Testing

extension Trait where Self == ConditionTrait {
    /// For suites and tests that run real services. Without their programs they fail;
    /// `CUELIGHT_SKIP_SERVICES=1` skips them, and says so.
    package static var needsServices: Self {
        .disabled(
            if: getenv("CUELIGHT_SKIP_SERVICES").map { String(cString: $0) } == "1",
            "CUELIGHT_SKIP_SERVICES=1: nothing that needs a real service was tested")
    }
}
