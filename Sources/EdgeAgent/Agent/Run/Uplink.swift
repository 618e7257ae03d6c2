package import SharedModels

/// The agent's way to the broker, as closures; called on the loop.
package struct Uplink: Sendable {
    /// Hands a payload over; `done` is called on the loop with whether the broker has it.
    package var publish:
        @Sendable (
            _ leaf: Topic.Leaf, _ payload: [UInt8], _ isRetained: Bool,
            _ done: @escaping @Sendable (Bool) -> Void
        ) -> Void

    package init(
        publish:
            @escaping @Sendable (
                Topic.Leaf, [UInt8], Bool, @escaping @Sendable (Bool) -> Void
            ) -> Void
    ) {
        self.publish = publish
    }
}
