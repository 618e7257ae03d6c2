internal import FoundationEssentials
internal import Platform
internal import SharedModels

/// Orders to flash a board.
extension AgentCore {
    func receiveFlash(_ payload: [UInt8]) {
        let order: FlashOrder
        do {
            order = try decoder.decode(FlashOrder.self, from: Data(payload))
        } catch {
            return log.error("unreadable order to flash ignored")
        }
        guard order.problem == nil, nowMilliseconds < order.expiresAtMilliseconds, let desk else {
            return log.warning("order to flash ignored", ["uid": .string("\(order.board)")])
        }
        desk.take(order, port: driverOfBoard[order.board]?.path)
    }
}
