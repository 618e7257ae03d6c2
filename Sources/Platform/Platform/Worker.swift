/// Something that runs until it is cancelled: the one shape of every long-lived part.
///
/// `run` returns when its task is cancelled, after it has put away what it held; it throws when
/// it cannot go on, which ends the whole group.
package protocol Worker: Sendable {
    /// For logs.
    var name: String { get }
    func run() async throws
}
