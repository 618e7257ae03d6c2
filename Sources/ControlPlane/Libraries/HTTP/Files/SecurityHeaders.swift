/// Fields that every page carries, so that a browser runs nothing and embeds nothing that did not
/// come from us.
package struct SecurityHeaders: Sendable {
    package var fields: [(name: String, value: String)]

    /// - Parameter policy: the Content-Security-Policy; the default allows only our own scripts,
    ///   styles, pictures, media and connections, and no frame around us.
    package init(policy: String = SecurityHeaders.usualPolicy) {
        fields = [
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Permissions-Policy", "geolocation=(), payment=(), usb=(), serial=()"),
        ]
    }

    package static let usualPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        + "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    func apply(to response: inout Response) {
        for (name, value) in fields where response.header(name) == nil {
            response.add(name, value)
        }
    }
}
