/// This release of Cuelight; all its programs have one version.
package enum Release {
    package static let version = "0.1.0"
}
