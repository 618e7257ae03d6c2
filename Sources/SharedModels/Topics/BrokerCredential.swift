/// The signed statement by which the broker knows who connects.
///
/// Written form (the MQTT password): `v1.<payload>.<signature>`, both base64url without
/// padding; the payload is the ASCII text `role|workspace|client|epoch|expires_at_s`, the
/// signature Ed25519 by the control plane over the payload's ASCII bytes. The MQTT user name
/// and client id must both equal `client`. Checked by the broker plugin
/// (`Sources/ControlPlane/BrokerPlugin`).
package struct BrokerCredential: Hashable, Sendable {
    package enum Role: String, Hashable, Sendable {
        /// An agent: reads and writes its own topics only.
        case agent
        /// A control-plane process: everything under `cuelight/1` and the plugin's control topic.
        case control
    }

    package let role: Role
    /// The agent's workspace; `-` for a control-plane process.
    package let workspace: String
    /// The agent's id, or a control-plane process's name; `[A-Za-z0-9-]`, at most 64.
    package let client: String
    /// Grows when an agent's credentials are renewed after a revocation; older ones are refused.
    package let epoch: Int64
    /// Unix seconds UTC.
    package let expiresAtSeconds: Int64

    package init(
        role: Role, workspace: String, client: String, epoch: Int64, expiresAtSeconds: Int64
    ) {
        self.role = role
        self.workspace = workspace
        self.client = client
        self.epoch = epoch
        self.expiresAtSeconds = expiresAtSeconds
    }

    /// What is signed.
    package var payload: String {
        "\(role.rawValue)|\(workspace)|\(client)|\(epoch)|\(expiresAtSeconds)"
    }

    /// The topic on which a control-plane process tells the plugin to revoke; the payload is
    /// `revoke <workspace> <agent> <epoch>`: credentials of that agent up to and including the
    /// epoch are refused from then on and a connection made with one is ended.
    package static let controlTopic = "$CONTROL/cuelight-auth/v1"
}
