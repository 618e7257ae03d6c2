/// What an identifier identifies; never made, only named.
package enum Entity {
    package enum Account {}
    package enum Workspace {}
    package enum Session {}
    package enum Agent {}
    package enum AgentToken {}
    package enum Device {}
    package enum Livestream {}
    package enum LiveEvent {}
    package enum Rule {}
    package enum Cue {}
    package enum Command {}
    package enum FlashJob {}
}

/// A person who signs in.
package typealias AccountID = Identifier<Entity.Account>
/// A tenant.
package typealias WorkspaceID = Identifier<Entity.Workspace>
/// One signed-in session of an account, renewed by rotating refresh tokens.
package typealias SessionID = Identifier<Entity.Session>
/// The program on a streamer's Linux computer.
package typealias AgentID = Identifier<Entity.Agent>
/// A one-time permission to pair an agent with a workspace.
package typealias AgentTokenID = Identifier<Entity.AgentToken>
/// A board as its workspace knows it.
package typealias DeviceID = Identifier<Entity.Device>
/// One LIVE broadcast.
package typealias LivestreamID = Identifier<Entity.Livestream>
/// One normalised happening of a livestream.
package typealias LiveEventID = Identifier<Entity.LiveEvent>
/// Trigger, conditions and actions of a workspace.
package typealias RuleID = Identifier<Entity.Rule>
/// One decision of the rule engine.
package typealias CueID = Identifier<Entity.Cue>
/// One instruction to one channel.
package typealias CommandID = Identifier<Entity.Command>
/// One order to an agent to flash one board.
package typealias FlashJobID = Identifier<Entity.FlashJob>
